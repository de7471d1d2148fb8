package virtshrink.volume;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;

/**
 * Partitions of a master boot record and of the chain of extended boot records behind it, numbered as Linux does. Stricter than Linux,
 * which ignores what it cannot use: anything odd is refused.
 */
final class MbrTable {
    static final String KIND = "mbr";
    private static final String STRUCTURE = "partition table";
    private static final int FIRST_LOGICAL_NUMBER = 5;
    /** What Linux numbers on one disk. */
    private static final int MOST_LOGICAL = 256 - FIRST_LOGICAL_NUMBER;

    private final SectorDisk disk;
    private final List<Volume> volumes = new ArrayList<>();

    private MbrTable(SectorDisk disk) {
        this.disk = disk;
    }

    /**
     * @return a table, or a refusal because of what its partitions are
     * @throws CorruptStructureException if partitions overlap, leave the disk or form a broken chain
     */
    static VolumeLayout read(SectorDisk disk, BootRecord record) throws IOException {
        if (record.hasType(MbrEntry.LDM)) {
            return new VolumeLayout.Refused(KIND, "the disk is a Windows dynamic disk (LDM, partition type 0x42)");
        }
        return new VolumeLayout.Table(KIND, new MbrTable(disk).read(record.entries()));
    }

    private List<Volume> read(List<MbrEntry> entries) throws IOException {
        ClaimedSectors claimed = new ClaimedSectors();
        claimed.claim(disk.range(0, 1), "the partition table");
        Optional<MbrEntry> extended = Optional.empty();
        for (int index = 0; index < entries.size(); index++) {
            MbrEntry entry = entries.get(index);
            if (!entry.isUsed()) {
                continue;
            }
            String name = "partition " + (index + 1);
            ByteRange place = place(entry.startingLba(), entry, name);
            claimed.claim(place, name);
            if (!entry.isExtended()) {
                volumes.add(volume(index + 1, place, entry));
            } else if (extended.isPresent()) {
                throw corrupt(place.startBytes(), "a second extended partition");
            } else {
                extended = Optional.of(entry);
            }
        }
        if (extended.isPresent()) {
            readChain(extended.get());
        }
        volumes.sort(Comparator.comparingLong(volume -> volume.place().startBytes()));
        return volumes;
    }

    /** Each extended boot record holds one logical partition and a link to the next record. */
    private void readChain(MbrEntry container) throws IOException {
        ByteRange all = disk.range(container.startingLba(), container.sizeInLba());
        ClaimedSectors claimed = new ClaimedSectors();
        Set<Long> seen = new HashSet<>();
        int number = FIRST_LOGICAL_NUMBER;
        Optional<Long> next = Optional.of(container.startingLba());
        while (next.isPresent()) {
            long lba = next.get();
            long offset = lba * disk.sectorBytes();
            if (!seen.add(lba)) {
                throw corrupt(offset, "the chain of extended boot records is a loop");
            }
            if (seen.size() > MOST_LOGICAL) {
                throw corrupt(offset, "more than %d extended boot records".formatted(MOST_LOGICAL));
            }
            ByteRange ownSector = disk.range(lba, 1);
            claimed.claim(ownSector, "an extended boot record");
            BootRecord record = BootRecord.parse(disk.sector("extended boot record", lba));
            if (!record.signed()) {
                throw corrupt(offset, "an extended boot record lacks its signature 0xAA55");
            }
            verifyShape(record, offset);
            for (MbrEntry entry : record.entries().subList(0, 2)) {
                if (entry.isUsed() && !entry.isExtended()) {
                    String name = "logical partition " + number;
                    ByteRange place = place(lba + entry.startingLba(), entry, name);
                    if (!all.contains(place)) {
                        throw corrupt(place.startBytes(), name + " leaves the extended partition");
                    }
                    claimed.claim(place, name);
                    volumes.add(volume(number, place, entry));
                    number++;
                }
            }
            next = link(record, container);
        }
    }

    private Optional<Long> link(BootRecord record, MbrEntry container) {
        Optional<Long> next = record.entries().stream()
                .filter(entry -> entry.isUsed() && entry.isExtended())
                .map(entry -> container.startingLba() + entry.startingLba())
                .findFirst();
        if (next.isPresent() && next.get() >= container.endLba()) {
            throw corrupt(next.get() * disk.sectorBytes(), "an extended boot record leaves the extended partition");
        }
        return next;
    }

    // OS/2 and DR-DOS used all four records; Linux guesses then, and a guess is no proof.
    private static void verifyShape(BootRecord record, long offset) {
        List<MbrEntry> used = record.entries().stream().filter(MbrEntry::isUsed).toList();
        long links = used.stream().filter(MbrEntry::isExtended).count();
        boolean usual = record.entries().subList(2, MbrEntry.COUNT).stream().noneMatch(MbrEntry::isUsed)
                && links <= 1
                && used.size() - links <= 1
                && record.hasBootIndicators();
        if (!usual) {
            throw corrupt(offset, "an extended boot record holds more than one partition and one link");
        }
    }

    private ByteRange place(long firstLba, MbrEntry entry, String name) {
        if (!disk.contains(firstLba, entry.sizeInLba())) {
            throw corrupt(
                    firstLba * disk.sectorBytes(),
                    "%s has sectors %d to %d, the disk has %d"
                            .formatted(name, firstLba, firstLba + entry.sizeInLba() - 1, disk.sectors()));
        }
        return disk.range(firstLba, entry.sizeInLba());
    }

    private static Volume volume(int number, ByteRange place, MbrEntry entry) {
        return new Volume(
                number,
                place,
                "0x%02X".formatted(entry.osType()),
                entry.osType() == 0x41 ? Optional.of("PReP boot partition") : Optional.empty());
    }

    private static CorruptStructureException corrupt(long offsetBytes, String reason) {
        return new CorruptStructureException(STRUCTURE, offsetBytes, reason);
    }
}
