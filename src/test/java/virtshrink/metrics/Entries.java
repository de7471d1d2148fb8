package virtshrink.metrics;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.NightBegan;
import virtshrink.history.HistoryEntry.NightEnded;
import virtshrink.shrink.Cause;
import virtshrink.shrink.FileSize;
import virtshrink.shrink.Phase;

/** Entries of a history. */
final class Entries {
    static final Instant NOON = Instant.parse("2026-11-22T12:00:00Z");

    private Entries() {}

    /** A run on one of a domain's disks; before it the image took 1000 bytes. */
    static DiskRun run(String domain, Path image, Cause cause, long after, long reclaimable, long remaining) {
        return new DiskRun(
                NOON,
                "nightly",
                domain,
                UUID.nameUUIDFromBytes(new byte[] {(byte) domain.hashCode()}),
                "vda",
                image,
                cause,
                "a reason that nobody counts",
                new FileSize(1000, 1000),
                new FileSize(after, after),
                reclaimable,
                remaining,
                Optional.empty(),
                Map.of(Phase.JUDGE, Duration.ofMillis(50), Phase.REBUILD, Duration.ofSeconds(2)),
                List.of(),
                List.of());
    }

    static NightBegan began(String schedule) {
        return new NightBegan(NOON.minusSeconds(60), schedule, "rhythm", NOON);
    }

    static NightEnded ended(String schedule, Instant at, String reason) {
        return new NightEnded(at, schedule, NOON, 6, 1, 2, 3, reason);
    }
}
