package virtshrink.shrink;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Cancels a run, while it writes, when the host's free space falls below the reserve: others write too. */
final class SpaceWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SpaceWatch.class);
    /** A fast disk writes some hundred megabytes between two looks, which cost microseconds. */
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    private final HostSpace.Claim claim;
    private final Cancellation cancellation;
    private volatile boolean closed;

    private SpaceWatch(HostSpace.Claim claim, Cancellation cancellation) {
        this.claim = claim;
        this.cancellation = cancellation;
    }

    /** Watches until it is closed. */
    static SpaceWatch start(HostSpace.Claim claim, Path writtenFile, Cancellation cancellation) {
        claim.isWrittenTo(writtenFile);
        SpaceWatch watch = new SpaceWatch(claim, cancellation);
        Thread thread = new Thread(watch::watch, "space-watch");
        thread.setDaemon(true);
        thread.start();
        return watch;
    }

    private void watch() {
        try {
            while (!closed) {
                Optional<String> undercut = claim.whyUndercut();
                if (undercut.isPresent()) {
                    cancellation.cancel(Cause.RESERVE_UNDERCUT, undercut.get());
                    return;
                }
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        } catch (IOException problem) {
            LOG.warn("the free space is no longer watched: {}", problem.toString());
        }
    }

    /** Everything has been written, or nothing more will be. */
    @Override
    public void close() {
        closed = true;
        claim.isWritten();
    }
}
