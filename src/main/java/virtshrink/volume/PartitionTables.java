package virtshrink.volume;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/** Reads the partition table of a disk, whatever it is. */
public final class PartitionTables {
    private static final int OTHER_SECTOR_BYTES_SUM = 512 + 4096;

    private PartitionTables() {}

    /**
     * Finds out how a disk is divided. Bounded in time and memory on any content; stateless.
     *
     * @param sectorBytes the logical sector size that the guest sees, 512 or 4096: tables count in it
     * @throws IOException only if the disk cannot be read
     */
    public static VolumeLayout read(BlockSource disk, int sectorBytes) throws IOException {
        if (sectorBytes != 512 && sectorBytes != 4096) {
            throw new IllegalArgumentException("logical sector size " + sectorBytes);
        }
        if (disk.sizeBytes() < sectorBytes) {
            return new VolumeLayout.None();
        }
        StructureBytes head = head(disk);
        Optional<String> foreign = ForeignTable.kind(head);
        if (foreign.isPresent()) {
            return new VolumeLayout.Refused(
                    foreign.get(), "partition table of kind %s is not supported".formatted(foreign.get()));
        }
        BootRecord record = BootRecord.parse(head);
        SectorDisk sectors = new SectorDisk(disk, sectorBytes);
        String kind = record.signed() && record.hasType(MbrEntry.PROTECTIVE) ? GptTable.KIND : MbrTable.KIND;
        try {
            return read(sectors, head, record);
        } catch (CorruptStructureException broken) {
            return new VolumeLayout.Refused(kind, Objects.requireNonNull(broken.getMessage()));
        }
    }

    private static VolumeLayout read(SectorDisk disk, StructureBytes head, BootRecord record) throws IOException {
        // Code and text of a boot sector without a table almost never pass for four partition records.
        boolean table = record.signed() && record.hasBootIndicators();
        boolean partitions = table && !record.isEmpty();
        if (FilesystemBootSector.isPresent(head)) {
            return partitions && fit(disk, record)
                    ? new VolumeLayout.Refused(
                            MbrTable.KIND, "the first sector is both a partition table and a filesystem's boot sector")
                    : new VolumeLayout.None();
        }
        if (partitions && record.hasType(MbrEntry.PROTECTIVE)) {
            return behindProtectiveMbr(disk, record);
        } else if (partitions) {
            // Whatever GPT lies behind a real MBR is a leftover: neither Linux nor firmware looks at it.
            return MbrTable.read(disk, record);
        } else if (GptTable.isPresent(disk)) {
            return new VolumeLayout.Refused(GptTable.KIND, "GPT header without a protective MBR before it");
        }
        return table ? MbrTable.read(disk, record) : new VolumeLayout.None();
    }

    private static VolumeLayout behindProtectiveMbr(SectorDisk disk, BootRecord record) throws IOException {
        if (!record.isProtective()) {
            return new VolumeLayout.Refused(
                    GptTable.KIND, "hybrid MBR: a protective partition (type 0xEE) that is not alone or out of place");
        }
        if (GptTable.isPresent(disk)) {
            return GptTable.read(disk);
        }
        int otherSectorBytes = OTHER_SECTOR_BYTES_SUM - disk.sectorBytes();
        boolean otherSize = GptTable.isPresent(new SectorDisk(disk.source(), otherSectorBytes));
        return new VolumeLayout.Refused(
                GptTable.KIND,
                otherSize
                        ? "GPT written for sectors of %d bytes, read with %d: set the disk's logical block size"
                                .formatted(otherSectorBytes, disk.sectorBytes())
                        : "protective MBR without a GPT header behind it");
    }

    private static boolean fit(SectorDisk disk, BootRecord record) {
        return record.entries().stream()
                .filter(MbrEntry::isUsed)
                .allMatch(entry -> entry.startingLba() > 0 && disk.contains(entry.startingLba(), entry.sizeInLba()));
    }

    /** The beginning of the disk, with zeros behind the end of a very small one. */
    private static StructureBytes head(BlockSource disk) throws IOException {
        ByteBuffer head = ByteBuffer.allocate(ForeignTable.HEAD_BYTES);
        head.limit((int) Math.min(head.capacity(), disk.sizeBytes()));
        disk.read(0, head);
        return new StructureBytes("boot record", 0, head.clear());
    }
}
