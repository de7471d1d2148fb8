package virtshrink.shrink;

import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.DoubleConsumer;
import java.util.function.LongConsumer;

/** Measures a run's phases and passes progress on, one call at a time and never backwards. Thread-safe. */
final class PhaseClock {
    private final ProgressListener listener;
    private final Map<Phase, Duration> spent = new EnumMap<>(Phase.class);
    private Phase current = Phase.JUDGE;
    private long began = System.nanoTime();
    private boolean running;
    private long furthest;

    PhaseClock(ProgressListener listener) {
        this.listener = listener;
    }

    /** Ends the current phase and begins the next. A phase may be entered more than once; its times add up. */
    synchronized void enter(Phase phase) {
        stop();
        current = phase;
        began = System.nanoTime();
        running = true;
        furthest = 0;
        listener.phaseBegan(phase);
    }

    /** Ends the current phase. */
    synchronized void stop() {
        if (running) {
            spent.merge(current, Duration.ofNanos(System.nanoTime() - began), Duration::plus);
            running = false;
        }
    }

    /** Time spent by phase so far, in their order. */
    synchronized Map<Phase, Duration> phases() {
        return new EnumMap<>(spent);
    }

    /** Passes on how many of so many bytes are done. */
    LongConsumer bytesOf(long totalBytes) {
        return done -> advance(done, totalBytes);
    }

    /** Passes on percentages as bytes of a total. */
    DoubleConsumer percentOf(long totalBytes) {
        return percent -> advance((long) (totalBytes * (percent / 100)), totalBytes);
    }

    private synchronized void advance(long doneBytes, long totalBytes) {
        if (totalBytes > 0 && doneBytes > furthest && doneBytes <= totalBytes) {
            furthest = doneBytes;
            listener.advanced(doneBytes, totalBytes);
        }
    }
}
