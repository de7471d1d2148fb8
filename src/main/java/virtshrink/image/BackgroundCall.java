package virtshrink.image;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * A call that runs beside its caller, because both mostly wait: for a tool to start, or to end. For use by one thread, in a
 * try-with-resources statement, so that nothing runs on behind the caller's back.
 */
public final class BackgroundCall<T> implements AutoCloseable {
    private final FutureTask<T> task;
    private final Thread thread;

    private BackgroundCall(String name, Call<T> call) {
        task = new FutureTask<>(call::run);
        thread = new Thread(task, name);
        thread.setDaemon(true);
    }

    /** What is called. It must end soon after its thread has been interrupted. */
    @FunctionalInterface
    public interface Call<T> {
        T run() throws IOException;
    }

    /** What is called for its effect, or its exception. */
    @FunctionalInterface
    public interface Step {
        void run() throws IOException;
    }

    /**
     * Begins the call.
     *
     * @param name of its thread
     */
    public static <T> BackgroundCall<T> start(String name, Call<T> call) {
        BackgroundCall<T> background = new BackgroundCall<>(name, call);
        background.thread.start();
        return background;
    }

    /** Begins a call that has no result but that it ended well. */
    public static BackgroundCall<Boolean> startStep(String name, Step step) {
        return start(name, () -> {
            step.run();
            return true;
        });
    }

    /**
     * Waits for the result.
     *
     * @throws IOException the call's own
     * @throws InterruptedIOException if this thread is interrupted; it stays so
     */
    public T join() throws IOException {
        try {
            return task.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while waiting for " + thread.getName());
        } catch (ExecutionException failed) {
            throw rethrown(failed);
        }
    }

    private static IOException rethrown(ExecutionException failed) {
        Throwable cause = failed.getCause();
        if (cause instanceof RuntimeException unchecked) {
            throw unchecked;
        }
        if (cause instanceof Error error) {
            throw error;
        }
        return cause instanceof IOException problem ? problem : new IOException(cause);
    }

    /** Interrupts the call if it still runs, and waits until it has ended; its result is lost then. */
    @Override
    public void close() {
        thread.interrupt();
        boolean interrupted = false;
        while (true) {
            try {
                thread.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
