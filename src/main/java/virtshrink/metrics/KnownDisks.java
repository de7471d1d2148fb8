package virtshrink.metrics;

import java.nio.file.Files;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.shrink.Outcome;

/** The last run on every disk. Not thread-safe. */
final class KnownDisks {
    private final Map<Key, DiskRun> lastRun = new HashMap<>();

    private record Key(UUID domain, String target) {}

    void add(DiskRun run) {
        lastRun.put(new Key(run.uuid(), run.target()), run);
    }

    /** Images that have gone give nothing back any more. */
    void forgetRemoved() {
        lastRun.values().removeIf(run -> Files.notExists(run.image()));
    }

    /** How many ended so, the last time. */
    long count(Outcome outcome) {
        return lastRun.values().stream().filter(run -> run.outcome() == outcome).count();
    }

    /** What runs on all of them could give back, as far as the last estimates tell. */
    long reclaimableBytes() {
        return lastRun.values().stream().mapToLong(KnownDisks::reclaimableBytes).sum();
    }

    /** A run that was to end early has its whole gain still before it. */
    private static long reclaimableBytes(DiskRun run) {
        return switch (run.outcome()) {
            case SHRUNK, NOTHING_TO_GAIN -> run.remainingBytes();
            case REFUSED, YIELDED, FAILED -> run.reclaimableBytes();
        };
    }
}
