package virtshrink.cli;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * How far one phase is and how fast it goes. Knows no clock: the time comes with every call, in nanoseconds from any start, never falling.
 * Not thread-safe.
 */
final class PhaseProgress {
    private static final long SECOND = 1_000_000_000L;
    /** Speed is that of the last seconds: a copy that reaches holes or a slower disk soon tells a new time left. */
    private static final long WINDOW_NANOS = 10 * SECOND;

    private static final long SAMPLE_EVERY_NANOS = SECOND / 4;
    /** Before that a rate says nothing. */
    private static final long SHORTEST_BASE_NANOS = SECOND / 2;

    private final String name;
    private final long beganNanos;
    private final Deque<Sample> samples = new ArrayDeque<>();
    private long doneBytes;
    private long totalBytes;

    PhaseProgress(String name, long nowNanos) {
        this.name = name;
        this.beganNanos = nowNanos;
        samples.add(new Sample(nowNanos, 0));
    }

    String name() {
        return name;
    }

    long elapsedSeconds(long nowNanos) {
        return (nowNanos - beganNanos) / SECOND;
    }

    void advanced(long done, long total, long nowNanos) {
        totalBytes = Math.max(1, total);
        doneBytes = Math.max(0, Math.min(done, totalBytes));
        if (nowNanos - samples.getLast().atNanos() >= SAMPLE_EVERY_NANOS) {
            samples.add(new Sample(nowNanos, doneBytes));
            while (samples.size() > 2 && nowNanos - samples.getFirst().atNanos() > WINDOW_NANOS) {
                samples.removeFirst();
            }
        }
    }

    /** Between 0 and 1; empty while the phase has not said how much there is to do. */
    OptionalDouble fraction() {
        return totalBytes == 0 ? OptionalDouble.empty() : OptionalDouble.of((double) doneBytes / totalBytes);
    }

    /** Empty until there is something to judge by. */
    OptionalLong bytesPerSecond(long nowNanos) {
        Sample oldest = samples.getFirst();
        long nanos = nowNanos - oldest.atNanos();
        if (totalBytes == 0 || nanos < SHORTEST_BASE_NANOS) {
            return OptionalLong.empty();
        }
        return OptionalLong.of((long) ((doneBytes - oldest.doneBytes()) / (nanos / (double) SECOND)));
    }

    /** Empty while there is no speed. */
    OptionalLong secondsLeft(long nowNanos) {
        OptionalLong rate = bytesPerSecond(nowNanos);
        if (rate.isEmpty() || rate.getAsLong() <= 0) {
            return OptionalLong.empty();
        }
        return OptionalLong.of((totalBytes - doneBytes + rate.getAsLong() - 1) / rate.getAsLong());
    }

    private record Sample(long atNanos, long doneBytes) {}
}
