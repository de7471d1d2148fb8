package virtshrink.inspect;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemState;

/**
 * What lies on a disk. Immutable.
 *
 * @param virtualBytes size of the disk as the guest sees it
 * @param partitionTable {@code gpt}, {@code mbr}, {@code none}, …
 * @param filesystems partitions in the order of their place on the disk, then logical volumes
 * @param doubt a volume from which it cannot be told that no guest is suspended, and why; the free space of swap, btrfs and LVM physical
 *     volumes, which carry no mark of being in use, is left alone then, on every disk of the guest
 * @param refusal why the whole disk is left alone (broken partition table, hibernated guest, dm-verity, …)
 */
public record DiskInspection(
        long virtualBytes,
        String partitionTable,
        List<FilesystemFinding> filesystems,
        Optional<String> doubt,
        Optional<String> refusal) {
    private static final Set<String> UNMARKED = Set.of("swap", "btrfs", "LVM2_member");

    public DiskInspection {
        filesystems = List.copyOf(filesystems);
    }

    /** A disk without doubts. */
    public DiskInspection(
            long virtualBytes, String partitionTable, List<FilesystemFinding> filesystems, Optional<String> refusal) {
        this(virtualBytes, partitionTable, filesystems, Optional.empty(), refusal);
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

    /**
     * The same disk with the free space of swap, btrfs and LVM physical volumes left alone: none of them carries a mark of being in use by a
     * suspended guest, so they share the fate of any filesystem of the domain that does.
     *
     * @param reason what was found, and where
     */
    public DiskInspection withSwapLeftAlone(String reason) {
        List<FilesystemFinding> changed = filesystems.stream()
                .map(finding -> finding.state() instanceof FilesystemState.FreeSpace
                                && UNMARKED.contains(finding.identity().type())
                        ? finding.leftAlone("left alone: " + reason)
                        : finding)
                .toList();
        return new DiskInspection(virtualBytes, partitionTable, changed, doubt.or(() -> Optional.of(reason)), refusal);
    }
}
