package virtshrink.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import virtshrink.shrink.Cancellation;

/**
 * Turns Ctrl-C, SIGTERM and SIGHUP into the cancellation of whatever runs, and keeps the process alive until the run has cleaned up, so that
 * no temporary file stays behind. Thread-safe.
 *
 * <p>The virtual machine answers those signals by running its shutdown hooks; a second signal while they run changes nothing.
 */
final class StopSignal {
    private static final long CLEAN_UP_SECONDS = 20;

    private final List<Cancellation> handedOut = new ArrayList<>();
    private final CountDownLatch finished = new CountDownLatch(1);
    private boolean arrived;
    private volatile int exitStatus = ExitCode.YIELDED.status();

    /** Starts to listen; the calling thread is the one that works, and is interrupted when nothing cancellable runs in it. */
    void listen() {
        Thread worker = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stopAndLeave(worker), "stop-signal"));
    }

    /** The cancellation for the next run; cancelled from the start if the signal came already. */
    synchronized Cancellation newCancellation() {
        Cancellation cancellation = new Cancellation();
        if (arrived) {
            cancellation.cancel("interrupted");
        } else {
            handedOut.add(cancellation);
        }
        return cancellation;
    }

    /** Whether the user or the system has asked for the end. */
    synchronized boolean hasArrived() {
        return arrived;
    }

    /**
     * Cancels all that runs.
     *
     * @return whether there was anything that knows how to be cancelled
     */
    boolean arrive() {
        List<Cancellation> due;
        synchronized (this) {
            arrived = true;
            due = List.copyOf(handedOut);
        }
        due.forEach(cancellation -> cancellation.cancel("interrupted"));
        return !due.isEmpty();
    }

    /** Says that all work has ended and all output is written; from here on a signal has nothing to wait for. */
    int finish(int status) {
        exitStatus = status;
        finished.countDown();
        return status;
    }

    private void stopAndLeave(Thread worker) {
        if (finished.getCount() == 0) {
            return; // an ordinary exit
        }
        if (!arrive()) {
            worker.interrupt();
        }
        boolean clean = false;
        try {
            clean = finished.await(CLEAN_UP_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (!clean) {
            System.err.println("virt-shrink: gave up waiting for the run to end; the next run cleans up what it left");
        }
        System.out.flush();
        System.err.flush();
        // The status of a process ended by a signal would be 130 or 143; only halt can set another one from inside a
        // hook.
        Runtime.getRuntime().halt(exitStatus);
    }
}
