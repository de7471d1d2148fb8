package virtshrink.volume;

import java.util.List;
import java.util.stream.IntStream;
import virtshrink.block.StructureBytes;

/** The four partition records of a master or extended boot record; whether they mean anything is for the caller to judge. */
record BootRecord(boolean signed, List<MbrEntry> entries) {
    static BootRecord parse(StructureBytes sector) {
        return new BootRecord(
                sector.u16le(510) == 0xAA55,
                IntStream.range(0, MbrEntry.COUNT)
                        .mapToObj(index -> MbrEntry.parse(sector, index))
                        .toList());
    }

    boolean isEmpty() {
        return entries.stream().noneMatch(MbrEntry::isUsed);
    }

    boolean hasBootIndicators() {
        return entries.stream().allMatch(MbrEntry::hasBootIndicator);
    }

    boolean hasType(int osType) {
        return entries.stream().anyMatch(entry -> entry.osType() == osType);
    }

    /** A protective MBR and nothing else: one record of type 0xEE that begins at the GPT header, as Linux demands it. */
    boolean isProtective() {
        return entries.stream().filter(MbrEntry::isUsed).count() == 1
                && entries.stream()
                        .anyMatch(entry -> entry.isUsed()
                                && entry.osType() == MbrEntry.PROTECTIVE
                                && entry.startingLba() == GptTable.PRIMARY_LBA);
    }
}
