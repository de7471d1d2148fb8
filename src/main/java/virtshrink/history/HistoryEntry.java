package virtshrink.history;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import virtshrink.shrink.Cause;
import virtshrink.shrink.FileSize;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.Phase;

/** One line of the history. */
public sealed interface HistoryEntry {
    /** In the place of a schedule's name, which has no spaces: somebody has asked for the run. */
    String ON_DEMAND = "on demand";

    /** In the place of a domain's: the run was on an image file by itself. The nil UUID of RFC 9562. */
    UUID NO_DOMAIN = new UUID(0, 0);

    /** When it was written, to the millisecond. */
    Instant at();

    /** Name of the schedule whose work it was, or {@link #ON_DEMAND}. */
    String schedule();

    /** As the documented JSON, without line ends: instants in ISO 8601, sizes in bytes, times in milliseconds. */
    default Map<String, Object> toJson() {
        return EntryJson.write(this);
    }

    /**
     * A schedule's work began.
     *
     * @param rhythm what its times depended on
     * @param due the instant that was meant
     */
    record NightBegan(Instant at, String schedule, String rhythm, Instant due) implements HistoryEntry {}

    /**
     * A schedule's work ended.
     *
     * @param selected domains that the schedule was for
     * @param leftAlone those of them that libvirt's state or the policy forbade, or none of whose disks was meant or could be touched
     * @param unchanged those whose images were as the last run had left them, and were not attached
     * @param attempted those whose disks were looked at
     * @param reason why it ended before everything was done; empty if everything was
     */
    record NightEnded(
            Instant at,
            String schedule,
            Instant due,
            int selected,
            int leftAlone,
            int unchanged,
            int attempted,
            String reason)
            implements HistoryEntry {}

    /**
     * The run on one disk, or the estimate if that was the end of it.
     *
     * @param domain its name; empty where an image was shrunk by itself
     * @param uuid of the domain, or {@link #NO_DOMAIN}
     * @param target the guest's name of the disk; empty where an image was shrunk by itself
     * @param image as the domain's XML, or the user, names it
     * @param cause how it ended, and of which kind the reason is
     * @param remainingBytes what another run on the unchanged image could give back, as far as is known
     * @param seen the image as this run left it; empty if another run might find otherwise although nothing was written to it
     * @param phases time spent, in the order of the pipeline
     */
    record DiskRun(
            Instant at,
            String schedule,
            String domain,
            UUID uuid,
            String target,
            Path image,
            Cause cause,
            String reason,
            FileSize before,
            FileSize after,
            long reclaimableBytes,
            long remainingBytes,
            Optional<ImageStamp> seen,
            Map<Phase, Duration> phases,
            List<Filesystem> filesystems,
            List<String> notes)
            implements HistoryEntry {
        public DiskRun {
            phases = phases.isEmpty() ? Map.of() : new EnumMap<>(phases);
            filesystems = List.copyOf(filesystems);
            notes = List.copyOf(notes);
        }

        /** How it ended. */
        public Outcome outcome() {
            return cause.outcome();
        }

        /** Bytes given back to the host. */
        public long reclaimedBytes() {
            return before.allocatedBytes() - after.allocatedBytes();
        }
    }

    /**
     * An original that was kept has been removed, or something that a dead run had left of it was settled.
     *
     * @param schedule empty if it was done at the daemon's start
     * @param image what the guest uses instead
     * @param original where it lay
     * @param event {@code removed}, {@code missed} or {@code settled}
     * @param bytes what the host got back
     */
    record OriginalEvent(
            Instant at,
            String schedule,
            String domain,
            UUID uuid,
            String target,
            Path image,
            Path original,
            String event,
            long bytes,
            String reason)
            implements HistoryEntry {}

    /** What one filesystem contributed, or why it was left alone. */
    record Filesystem(String device, String type, String state, String reason, long reclaimableBytes) {}

    /**
     * What tells whether an image has been written to: as {@code stat(2)} says it.
     *
     * @param device and inode as bits
     */
    record ImageStamp(long device, long inode, long sizeBytes, long mtimeSeconds, int mtimeNanos) {}
}
