package virtshrink.volume;

import virtshrink.block.StructureBytes;

/**
 * Partition record of a master or extended boot record: UEFI specification 2.10, section 5.2.1, table 5-2. Nothing is checked here.
 *
 * @param startingLba counted from what the record's place says: the disk, its own boot record, or the extended partition
 */
record MbrEntry(int bootIndicator, int osType, long startingLba, long sizeInLba) {
    static final int COUNT = 4;
    static final int PROTECTIVE = 0xEE;
    static final int LDM = 0x42;
    private static final int FIRST_OFFSET = 446;
    private static final int BYTES = 16;

    static MbrEntry parse(StructureBytes sector, int index) {
        int at = FIRST_OFFSET + index * BYTES;
        return new MbrEntry(sector.u8(at), sector.u8(at + 4), sector.u32le(at + 8), sector.u32le(at + 12));
    }

    /** As Linux decides it: by the size alone. */
    boolean isUsed() {
        return sizeInLba != 0;
    }

    boolean isExtended() {
        return osType == 0x05 || osType == 0x0F || osType == 0x85;
    }

    /** What else could stand in these bytes: text or code of a boot sector without a table. */
    boolean hasBootIndicator() {
        return bootIndicator == 0 || bootIndicator == 0x80;
    }

    long endLba() {
        return startingLba + sizeInLba;
    }
}
