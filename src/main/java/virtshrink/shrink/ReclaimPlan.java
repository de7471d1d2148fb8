package virtshrink.shrink;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import virtshrink.block.RangeSet;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;
import virtshrink.shrink.ShrinkReport.FilesystemGain;

/**
 * Which bytes of a disk a run may give back, and which of them are worth the trouble. Without effects.
 *
 * @param proven every byte that is free, from the start of the disk
 * @param zeroed the part of it that is written with zeros: whole units in which the image can give space back, and only where its own layer
 *     holds data
 * @param reclaimableBytes data of the image's own layer in {@code zeroed}
 * @param gains the same by filesystem
 * @param notes what the user should know about it
 */
record ReclaimPlan(
        RangeSet proven, RangeSet zeroed, long reclaimableBytes, List<FilesystemGain> gains, List<String> notes) {
    /** Free data that no whole unit of the image covers is worth a note from here on. */
    private static final long NOTABLE_BYTES = 1 << 20;
    /** qemu's own choice. Below it there is always some such data, and nothing to be done about it. */
    private static final long USUAL_UNIT_BYTES = 64 << 10;

    /**
     * @param ownData what the image's own layer holds as data
     * @param unitBytes the unit in which the image can give space back
     * @param ignore devices whose free space is left as it is, and that of everything that lies in them
     * @param zero devices whose whole content is given up
     */
    static ReclaimPlan of(
            DiskInspection inspection, RangeSet ownData, long unitBytes, Set<String> ignore, Set<String> zero) {
        long diskBytes = inspection.virtualBytes();
        RangeSet proven = RangeSet.empty();
        RangeSet ignored = ignored(inspection, ignore);
        if (inspection.refusal().isEmpty()) {
            for (FilesystemFinding finding : inspection.filesystems()) {
                proven = proven.union(freeOf(finding, zero));
            }
            proven = proven.subtract(ignored);
        }
        RangeSet units = proven.alignInward(unitBytes, diskBytes);
        RangeSet reclaimable = units.intersect(ownData);
        List<FilesystemGain> gains = new ArrayList<>();
        for (FilesystemFinding finding : inspection.filesystems()) {
            gains.add(new FilesystemGain(
                    finding.device(),
                    freeOf(finding, zero).intersect(reclaimable).totalBytes()));
        }
        long reclaimableBytes = reclaimable.totalBytes();
        return new ReclaimPlan(
                proven,
                units.intersect(ownData.alignOutward(unitBytes, diskBytes)),
                reclaimableBytes,
                List.copyOf(gains),
                notes(proven.intersect(ownData).totalBytes(), reclaimableBytes, unitBytes));
    }

    private static RangeSet ignored(DiskInspection inspection, Set<String> ignore) {
        RangeSet ignored = RangeSet.empty();
        for (FilesystemFinding finding : inspection.filesystems()) {
            if (ignore.contains(finding.device())) {
                ignored = ignored.union(finding.onDisk());
            }
        }
        return ignored;
    }

    private static RangeSet freeOf(FilesystemFinding finding, Set<String> zero) {
        return zero.contains(finding.device()) ? finding.onDisk() : finding.freeOnDisk();
    }

    private static List<String> notes(long freeData, long reclaimable, long unitBytes) {
        long lost = freeData - reclaimable;
        if (unitBytes <= USUAL_UNIT_BYTES || lost < NOTABLE_BYTES || lost < freeData / 2) {
            return List.of();
        }
        return List.of(
                "most of the %d MiB of data in free space lies in pieces smaller than the image's clusters of %d KiB and cannot be given"
                                .formatted(freeData >> 20, unitBytes >> 10)
                        + " back; a smaller cluster size (-o cluster_size=64k with an output file) would change that");
    }
}
