package virtshrink.image;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Forks every child from one thread that lives as long as this process. The kernel sends the parent-death signal (prctl(2),
 * {@code PR_SET_PDEATHSIG}) when the <em>thread</em> that forked ends, so a child of a worker thread would be killed with its worker.
 */
final class ChildStarter {
    private static final ExecutorService THREAD = Executors.newSingleThreadExecutor(task -> {
        Thread thread = new Thread(task, "child-starter");
        thread.setDaemon(true);
        return thread;
    });

    private ChildStarter() {}

    /** Waits through interrupts, which stay pending: a child that is being forked must not get lost. */
    static Process start(ProcessBuilder builder) throws IOException {
        Future<Process> started = THREAD.submit(builder::start);
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return started.get();
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (ExecutionException e) {
                    throw new IOException("cannot start " + builder.command().get(0) + ": " + reason(e), e);
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static String reason(ExecutionException failure) {
        Throwable cause = failure.getCause();
        return cause == null ? failure.toString() : String.valueOf(cause.getMessage());
    }

    static InterruptedIOException interrupted(String command) {
        Thread.currentThread().interrupt();
        return new InterruptedIOException("interrupted while " + command + " ran");
    }
}
