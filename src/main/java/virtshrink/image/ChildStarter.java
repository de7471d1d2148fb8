package virtshrink.image;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.ExecutionException;

/**
 * Forks every child from one thread that lives as long as this process. The kernel sends the parent-death signal (prctl(2),
 * {@code PR_SET_PDEATHSIG}) when the <em>thread</em> that forked ends, so a child of a worker thread would be killed with its worker.
 */
final class ChildStarter {
    private ChildStarter() {}

    /**
     * Waits through interrupts, which stay pending: a child that is being forked must not get lost.
     *
     * @param background whether it gets only what others leave of processors and disks
     */
    static Process start(ProcessBuilder builder, boolean background) throws IOException {
        try {
            return SteadyThread.call(() -> {
                Process process = builder.start();
                if (background) {
                    // Here and not by the tool's own hand: until the tool is executed, the thread that is lowered is
                    // the
                    // only one, and all others inherit from it.
                    ChildPriority.lower(process);
                }
                return process;
            });
        } catch (ExecutionException e) {
            throw new IOException("cannot start " + builder.command().get(0) + ": " + reason(e), e);
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
