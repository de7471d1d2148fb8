package virtshrink.history;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import virtshrink.history.HistoryEntry.DiskRun;

/** What a decision about the next run needs to know of those before it. */
public interface PastRuns {
    /** There were none. */
    PastRuns NONE = new LastRuns();

    /** The last entry of a disk. */
    Optional<DiskRun> lastOfDisk(UUID domain, String target);

    /** When a disk of the domain was last shrunk. */
    Optional<Instant> lastShrunk(UUID domain);
}
