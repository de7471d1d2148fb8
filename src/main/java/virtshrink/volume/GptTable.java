package virtshrink.volume;

import static virtshrink.block.CorruptStructureException.verify;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * GUID partition table: UEFI specification 2.10, section 5.3. Both copies must be whole and agree; the backup is looked for where the
 * primary says, which on an enlarged disk is no longer the last sector.
 */
final class GptTable {
    static final String KIND = "gpt";
    static final long PRIMARY_LBA = 1;
    /** What Linux numbers on one disk. */
    private static final int MOST_PARTITIONS = 256;

    private final SectorDisk disk;

    private GptTable(SectorDisk disk) {
        this.disk = disk;
    }

    static boolean isPresent(SectorDisk disk) throws IOException {
        return disk.contains(PRIMARY_LBA, 1) && GptHeader.isPresent(disk.sector("GPT header", PRIMARY_LBA));
    }

    /**
     * @return a table, or a refusal because of what its partitions are
     * @throws CorruptStructureException if either copy is broken or they disagree
     */
    static VolumeLayout read(SectorDisk disk) throws IOException {
        return new GptTable(disk).read();
    }

    private VolumeLayout read() throws IOException {
        GptHeader primary = header("GPT header", PRIMARY_LBA);
        verifyLastUsableLba(primary);
        verify(
                primary.partitionEntryLba() > PRIMARY_LBA && entryArrayEndLba(primary) <= primary.firstUsableLba(),
                "GPT header",
                disk.sectorBytes() + 72L,
                "partition entries do not lie between header and first usable sector");
        byte[] entries = entries("GPT partition entries", primary);

        long backupLba = primary.alternateLba();
        verify(
                backupLba > primary.lastUsableLba(),
                "GPT header",
                disk.sectorBytes() + 32L,
                "backup in sector %d is not behind the last usable sector %d"
                        .formatted(backupLba, primary.lastUsableLba()));
        GptHeader backup = header("backup GPT header", backupLba);
        verify(
                backup.partitionEntryLba() > primary.lastUsableLba() && entryArrayEndLba(backup) <= backupLba,
                "backup GPT header",
                backupLba * disk.sectorBytes() + 72,
                "partition entries do not lie between last usable sector and header");
        verify(
                backup.alternateLba() == PRIMARY_LBA && backup.agreesWith(primary),
                "backup GPT header",
                backupLba * disk.sectorBytes(),
                "disagrees with the primary header");
        verify(
                Arrays.equals(entries, entries("backup GPT partition entries", backup)),
                "backup GPT partition entries",
                backup.partitionEntryLba() * disk.sectorBytes(),
                "disagree with the primary ones");
        return layout(primary, entries);
    }

    private GptHeader header(String structure, long lba) throws IOException {
        if (!disk.contains(lba, 1)) {
            throw new CorruptStructureException(
                    structure, 0, "sector %d lies beyond the %d sectors of the disk".formatted(lba, disk.sectors()));
        }
        return GptHeader.parse(disk.sector(structure, lba), lba);
    }

    private void verifyLastUsableLba(GptHeader header) {
        verify(
                header.lastUsableLba() < disk.sectors(),
                "GPT header",
                disk.sectorBytes() + 48L,
                "last usable sector %d lies beyond the %d sectors of the disk"
                        .formatted(header.lastUsableLba(), disk.sectors()));
    }

    private long entryArrayEndLba(GptHeader header) {
        long sectors = ((long) header.entryArrayBytes() + disk.sectorBytes() - 1) / disk.sectorBytes();
        return disk.contains(header.partitionEntryLba(), sectors)
                ? header.partitionEntryLba() + sectors
                : Long.MAX_VALUE;
    }

    private byte[] entries(String structure, GptHeader header) throws IOException {
        long offset = header.partitionEntryLba() * disk.sectorBytes();
        byte[] entries = disk.source().read(offset, header.entryArrayBytes()).array();
        CRC32 crc = new CRC32();
        crc.update(entries);
        verify(
                crc.getValue() == header.partitionEntryArrayCrc32(),
                structure,
                offset,
                "checksum 0x%08x expected, 0x%08x found".formatted(header.partitionEntryArrayCrc32(), crc.getValue()));
        return entries;
    }

    private VolumeLayout layout(GptHeader header, byte[] entries) {
        long offset = header.partitionEntryLba() * disk.sectorBytes();
        StructureBytes array = new StructureBytes("GPT partition entry", offset, ByteBuffer.wrap(entries));
        List<Volume> volumes = new ArrayList<>();
        ClaimedSectors claimed = new ClaimedSectors();
        for (int index = 0; index < header.numberOfPartitionEntries(); index++) {
            int at = index * header.sizeOfPartitionEntry();
            GptEntry entry = GptEntry.parse(array, at);
            if (!entry.isUsed()) {
                continue;
            }
            String type = entry.partitionTypeGuid();
            Optional<String> refusal = GptPartitionTypes.refusal(type);
            if (refusal.isPresent()) {
                return new VolumeLayout.Refused(KIND, "partition %d %s".formatted(index + 1, refusal.get()));
            }
            if (volumes.size() == MOST_PARTITIONS) {
                throw array.corrupt(at, "more than %d partitions".formatted(MOST_PARTITIONS));
            }
            Volume volume = volume(header, array, at, index + 1, entry);
            claimed.claim(volume.place(), "partition " + volume.number());
            volumes.add(volume);
        }
        volumes.sort(Comparator.comparingLong(volume -> volume.place().startBytes()));
        return new VolumeLayout.Table(KIND, volumes);
    }

    private Volume volume(GptHeader header, StructureBytes array, int at, int number, GptEntry entry) {
        long first = entry.startingLba();
        long last = entry.endingLba();
        if (first > last || first < header.firstUsableLba() || last > header.lastUsableLba()) {
            throw array.corrupt(
                    at + 32,
                    "partition %d has sectors %d to %d, usable are %d to %d"
                            .formatted(number, first, last, header.firstUsableLba(), header.lastUsableLba()));
        }
        return new Volume(
                number,
                disk.range(first, last - first + 1),
                entry.partitionTypeGuid(),
                GptPartitionTypes.purpose(entry.partitionTypeGuid()));
    }
}
