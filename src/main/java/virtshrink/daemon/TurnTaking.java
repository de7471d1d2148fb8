package virtshrink.daemon;

import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;

/** Lets one domain at a time be run, whoever asks for it: what is asked for during a night comes between two of its domains. Thread-safe. */
final class TurnTaking implements Workshop.DiskRunner {
    private static final long LOOK_MILLIS = 100;

    private final Workshop.DiskRunner runner;
    private final Semaphore turn = new Semaphore(1, true);

    TurnTaking(Workshop.DiskRunner runner) {
        this.runner = runner;
    }

    @Override
    public List<ShrinkReport> run(List<ShrinkRequest> disks, ProgressListener progress, Cancellation cancellation) {
        boolean taken = await(cancellation);
        try {
            // One that was cancelled while it waited ends by itself, with all its reports.
            return runner.run(disks, progress, cancellation);
        } finally {
            if (taken) {
                turn.release();
            }
        }
    }

    /** False if the run was cancelled meanwhile. */
    private boolean await(Cancellation cancellation) {
        try {
            while (cancellation.reason().isEmpty()) {
                if (turn.tryAcquire(LOOK_MILLIS, TimeUnit.MILLISECONDS)) {
                    return true;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            cancellation.cancel("interrupted while waiting for the run before");
        }
        return false;
    }
}
