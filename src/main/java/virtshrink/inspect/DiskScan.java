package virtshrink.inspect;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.CachedBlockSource;
import virtshrink.volume.PartitionTables;
import virtshrink.volume.Volume;
import virtshrink.volume.VolumeLayout;

/**
 * A disk as far as it can be understood without the guest's other disks.
 *
 * @param sizeBytes of the disk
 * @param sectorBytes logical sector size
 * @param kind of its partition table
 * @param refusal why nothing of it is touched
 * @param volumes in the order of their place; none if refused
 */
record DiskScan(long sizeBytes, int sectorBytes, String kind, Optional<String> refusal, List<ExaminedVolume> volumes) {
    private static final String NO_TABLE = "none";
    private static final String NOT_READ = "unknown";

    /**
     * @param budget of this disk and those that are looked at together with it
     * @param reads likewise
     */
    static DiskScan of(GuestDisk guestDisk, VolumeExaminer examiner, RangeBudget budget, ReadBudget reads)
            throws IOException {
        BlockSource disk = reads.within(new CachedBlockSource(guestDisk.source()));
        int sectorBytes = guestDisk.sectorBytes();
        try {
            VolumeLayout layout = PartitionTables.read(disk, sectorBytes);
            if (layout instanceof VolumeLayout.Refused refused) {
                return refused(disk, sectorBytes, layout.kind(), refused.reason());
            } else if (layout instanceof VolumeLayout.Table table) {
                return ofTable(disk, guestDisk, table, examiner, budget);
            }
            return ofBareDisk(disk, guestDisk, examiner, budget);
        } catch (ReadBudget.ExhaustedException notLookedAt) {
            return new DiskScan(disk.sizeBytes(), sectorBytes, NOT_READ, Optional.empty(), List.of());
        }
    }

    private static DiskScan ofTable(
            BlockSource disk,
            GuestDisk guestDisk,
            VolumeLayout.Table table,
            VolumeExaminer examiner,
            RangeBudget budget)
            throws IOException {
        int sectorBytes = guestDisk.sectorBytes();
        List<ByteRange> places = table.volumes().stream().map(Volume::place).toList();
        Set<String> besides = examiner.recognise(new UncoveredSource(disk, places));
        if (table.volumes().isEmpty() && table.kind().equals("mbr") && !besides.isEmpty()) {
            // A boot sector without partitions lies in front of many a filesystem or LVM volume that has the disk to
            // itself.
            return ofBareDisk(disk, guestDisk, examiner, budget);
        }
        if (!besides.isEmpty()) {
            return refused(
                    disk,
                    sectorBytes,
                    table.kind(),
                    "the disk has a partition table and, outside of all partitions, a signature of "
                            + String.join(" and ", besides));
        }
        List<ExaminedVolume> volumes = new ArrayList<>();
        for (Volume volume : table.volumes()) {
            BlockSource source = disk.slice(volume.place());
            volumes.add(new ExaminedVolume(
                    deviceName(guestDisk.name(), volume.number()),
                    volume.place(),
                    source,
                    examiner.examinePartition(source, sectorBytes).within(budget),
                    volume.purpose()));
        }
        return new DiskScan(disk.sizeBytes(), sectorBytes, table.kind(), Optional.empty(), volumes);
    }

    private static DiskScan ofBareDisk(
            BlockSource disk, GuestDisk guestDisk, VolumeExaminer examiner, RangeBudget budget) throws IOException {
        ExaminedVolume whole = new ExaminedVolume(
                guestDisk.name(),
                new ByteRange(0, disk.sizeBytes()),
                disk,
                examiner.examine(disk).within(budget),
                Optional.empty());
        return new DiskScan(disk.sizeBytes(), guestDisk.sectorBytes(), NO_TABLE, Optional.empty(), List.of(whole));
    }

    private static DiskScan refused(BlockSource disk, int sectorBytes, String kind, String reason) {
        return new DiskScan(disk.sizeBytes(), sectorBytes, kind, Optional.of(reason), List.of());
    }

    /** {@code sda1}, but {@code nvme0n1p1}. */
    private static String deviceName(String diskName, int number) {
        boolean digit = !diskName.isEmpty() && Character.isDigit(diskName.charAt(diskName.length() - 1));
        return diskName + (digit ? "p" : "") + number;
    }
}
