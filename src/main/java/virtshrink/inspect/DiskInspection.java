package virtshrink.inspect;

import java.util.List;
import java.util.Optional;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemState;

/**
 * What lies on a disk. Immutable.
 *
 * @param virtualBytes size of the disk as the guest sees it
 * @param partitionTable {@code gpt}, {@code mbr}, {@code none}, …
 * @param filesystems in the order of their place on the disk
 * @param refusal why the whole disk is left alone (broken partition table, hibernated guest, dm-verity, …)
 */
public record DiskInspection(
        long virtualBytes, String partitionTable, List<FilesystemFinding> filesystems, Optional<String> refusal) {
    public DiskInspection {
        filesystems = List.copyOf(filesystems);
    }

    /** Free ranges of all filesystems, from the start of the disk; empty if the disk is refused as a whole. */
    public RangeSet freeSpace() {
        RangeSet all = RangeSet.empty();
        if (refusal.isEmpty()) {
            for (FilesystemFinding finding : filesystems) {
                all = all.union(finding.freeOnDisk());
            }
        }
        return all;
    }

    /** Whether any filesystem carries the mark of a guest that did not finish. */
    public boolean anyDirty() {
        return filesystems.stream().anyMatch(finding -> finding.state() instanceof FilesystemState.Dirty);
    }
}
