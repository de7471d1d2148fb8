package virtshrink.image;

import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.os.Priority;

/** The calling thread with low priority, until closed. Where a priority cannot be set, it stays as it is. */
public final class LoweredThread implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(LoweredThread.class);

    private final long thread;

    private LoweredThread(long thread) {
        this.thread = thread;
    }

    /** Lowers the calling thread. */
    public static LoweredThread lower() {
        SteadyThread.ensureRunning();
        LoweredThread lowered = new LoweredThread(Priority.currentThread());
        lowered.set(Priority.LOW);
        return lowered;
    }

    /** Gives it its normal priority again, because somebody waits for it. Thread-safe, and harmless when the thread has ended. */
    public void restore() {
        set(Priority.NORMAL);
    }

    private void set(Priority priority) {
        try {
            priority.applyToThread(thread);
        } catch (IOException problem) {
            LOG.debug("thread {} keeps its priority", thread, problem);
        }
    }

    @Override
    public void close() {
        restore();
    }
}
