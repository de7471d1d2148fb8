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
 * @param doubt a volume from which it cannot be told that no guest is suspended, and why; the free space of swap, btrfs, F2FS and LVM
 *     physical volumes, which carry no mark of being in use, is left alone then, on every disk of the guest
 * @param refusal why the whole disk is left alone (broken partition table, hibernated guest, dm-verity, …)
 */
public record DiskInspection(
        long virtualBytes,
        String partitionTable,
        List<FilesystemFinding> filesystems,
        Optional<String> doubt,
        Optional<String> refusal) {
    private static final Set<String> UNMARKED = Set.of("swap", "btrfs", "f2fs", "LVM2_member");
    /** See {@link #hidingPlace}. */
    private static final Set<String> HIDING_PLACES = Set.of("btrfs", "f2fs");
    /** A Linux may have them mounted, but suspends into swap areas, or into files on what is its own. */
    static final Set<String> NEVER_SUSPENDED_INTO = Set.of("vfat", "exfat");

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
     * The same disk with the free space of swap, btrfs, F2FS, LVM physical volumes and what else says so left alone: none of them carries a mark of
     * being in use by a suspended guest, so they share the fate of any filesystem of the domain that does. So do filesystems whose journals were
     * replayed: a suspended guest goes on without a replay.
     *
     * @param reason what was found, and where
     */
    public DiskInspection withSwapLeftAlone(String reason) {
        List<FilesystemFinding> changed = withUnmarkedLeftAlone(reason).filesystems().stream()
                .map(finding -> finding.replayed().isPresent()
                        ? finding.notReplayed("not cleanly unmounted, and its journal is not replayed: " + reason)
                        : finding)
                .toList();
        return new DiskInspection(virtualBytes, partitionTable, changed, doubt.or(() -> Optional.of(reason)), refusal);
    }

    /**
     * The same disk with the free space of swap, btrfs, F2FS and LVM physical volumes left alone, and nothing else: the guest did not finish,
     * but it is not suspended.
     *
     * @param reason what was found, and where
     */
    public DiskInspection withUnmarkedLeftAlone(String reason) {
        List<FilesystemFinding> changed = filesystems.stream()
                .map(finding -> finding.state() instanceof FilesystemState.FreeSpace space
                                && (!space.marksUse()
                                        || UNMARKED.contains(finding.identity().type()))
                        ? finding.leftAlone("left alone: " + reason)
                        : finding)
                .toList();
        return new DiskInspection(virtualBytes, partitionTable, changed, doubt, refusal);
    }

    /**
     * What shows that the guest did not finish, although it does not speak for a suspended one: a replayed journal, a FAT that is not clean. A
     * reason to leave alone what carries no mark of being in use, on every disk of the guest.
     */
    public Optional<String> unfinished() {
        return filesystems.stream()
                .filter(finding -> finding.replayed().isPresent()
                        || (finding.state() instanceof FilesystemState.Dirty
                                && NEVER_SUSPENDED_INTO.contains(
                                        finding.identity().type())))
                .findFirst()
                .map(finding -> finding.device() + " is not clean, so the guest may need this");
    }

    /** Whether the journal of any filesystem was replayed. */
    public boolean anyReplayed() {
        return filesystems.stream().anyMatch(finding -> finding.replayed().isPresent());
    }

    /**
     * What may hold the memory of a suspended guest in a swap file, and carries no mark of being in use: a reason to replay no journal, on any
     * disk of the guest. In F2FS nobody looks for such a file; in btrfs it is looked for, but only where its first extent is a large one.
     */
    public Optional<String> hidingPlace() {
        return filesystems.stream()
                .filter(finding -> HIDING_PLACES.contains(finding.identity().type()))
                .findFirst()
                .map(finding -> finding.device() + " (" + finding.identity().type()
                        + ") carries no mark of being in use, so the guest may be suspended");
    }
}
