package virtshrink.shrink;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Acts when work in a mounted filesystem stands still: a call into the kernel cannot be given up, but what it waits for can be ended. For one
 * watched thread.
 */
final class StallWatch implements AutoCloseable {
    private final Duration limit;
    private final Runnable onStall;
    private final Thread thread;
    private volatile long lastNanos = System.nanoTime();
    private volatile boolean stalled;
    private volatile boolean closed;

    private StallWatch(Duration limit, Runnable onStall) {
        this.limit = limit;
        this.onStall = onStall;
        this.thread = new Thread(this::watch, "stall-watch");
        thread.setDaemon(true);
    }

    /**
     * Watches until it is closed.
     *
     * @param limit for the time between two calls of {@link #alive}
     * @param onStall called once at most, on another thread; must be quick and not throw
     */
    static StallWatch start(Duration limit, Runnable onStall) {
        StallWatch watch = new StallWatch(limit, onStall);
        watch.thread.start();
        return watch;
    }

    /** The work goes on. */
    void alive() {
        lastNanos = System.nanoTime();
    }

    /** Whether it stood still for too long. */
    boolean stalled() {
        return stalled;
    }

    private void watch() {
        while (!closed) {
            long leftNanos = limit.toNanos() - (System.nanoTime() - lastNanos);
            if (leftNanos <= 0) {
                stalled = true;
                onStall.run();
                return;
            }
            LockSupport.parkNanos(Math.min(leftNanos, TimeUnit.SECONDS.toNanos(1)));
        }
    }

    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(thread);
    }
}
