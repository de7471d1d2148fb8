package virtshrink.inspect;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import virtshrink.block.BlockSource;

/**
 * How much is read, and for how long, for one inspection. Each reader bounds its own work by the size of its volume, but a guest may fill a disk
 * with hundreds of volumes that claim to be huge. Once a bound is reached, every further read fails. Not thread-safe.
 */
final class ReadBudget {
    /** The structures of 1 TiB take 135 MB at most, in formats that have to be read as a whole. */
    static final long MOST_BYTES = 64L << 30;
    /** The same takes less than a second, so that this is enough for the slowest of hosts. */
    static final Duration LONGEST = Duration.ofMinutes(15);

    private final long mostBytes;
    private final Duration longest;
    private final long beganNanos = System.nanoTime();
    private long bytes;
    private Optional<String> exhausted = Optional.empty();

    /** Time counts from now. */
    ReadBudget(long mostBytes, Duration longest) {
        this.mostBytes = mostBytes;
        this.longest = longest;
    }

    /** A bound was reached: there is nothing wrong with the disk. */
    static final class ExhaustedException extends IOException {
        private static final long serialVersionUID = 1;

        ExhaustedException(String message) {
            super(message);
        }
    }

    /** The same source, but what is read of it counts. */
    BlockSource within(BlockSource source) {
        return new BlockSource() {
            @Override
            public long sizeBytes() {
                return source.sizeBytes();
            }

            @Override
            public void read(long offsetBytes, ByteBuffer destination) throws IOException {
                spend(destination.remaining());
                source.read(offsetBytes, destination);
            }
        };
    }

    private void spend(int wantedBytes) throws ExhaustedException {
        bytes += wantedBytes;
        if (exhausted.isEmpty() && (bytes > mostBytes || System.nanoTime() - beganNanos > longest.toNanos())) {
            exhausted = Optional.of("to look at all of it would take more than %s of reading or %s"
                    .formatted(text(mostBytes), text(longest)));
        }
        if (exhausted.isPresent()) {
            throw new ExhaustedException(exhausted.get());
        }
    }

    private static String text(long bytes) {
        return bytes >= 1 << 30 ? (bytes >> 30) + " GiB" : bytes + " bytes";
    }

    private static String text(Duration time) {
        return time.toMinutes() > 0 ? time.toMinutes() + " minutes" : time.toMillis() + " ms";
    }

    /** Which bound was reached; empty if everything has been looked at. */
    Optional<String> exhausted() {
        return exhausted;
    }
}
