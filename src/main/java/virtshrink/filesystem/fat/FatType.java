package virtshrink.filesystem.fat;

import java.nio.ByteBuffer;

/** How wide an entry of a file allocation table is, and which of its values mean no cluster. */
enum FatType {
    FAT12(12, 0xFF7),
    FAT16(16, 0xFFF7),
    /** 32 bits wide, of which the upper four are reserved and mean nothing. */
    FAT32(32, 0x0FFF_FFF7),
    EXFAT(32, 0xFFFF_FFF7L);

    /** The number of the first cluster: the two entries before it are none. */
    static final int FIRST_CLUSTER = 2;

    static final long FREE = 0;

    private final int bits;
    private final long bad;

    FatType(int bits, long bad) {
        this.bits = bits;
        this.bad = bad;
    }

    /** The value of an unusable cluster; all above end a chain. */
    long bad() {
        return bad;
    }

    /** Bytes that so many entries take, the last one counted whole. */
    long bytes(long entries) {
        return (entries * bits + 7) / 8;
    }

    /**
     * The value of an entry.
     *
     * @param table little-endian, from entry 0 on or, where entries do not share bytes, from any entry on
     * @param index from the first entry in the buffer
     */
    long entry(ByteBuffer table, int index) {
        return switch (this) {
            case FAT12 -> {
                int pair = index / 2 * 3 + index % 2;
                int both = (table.get(pair) & 0xff) | (table.get(pair + 1) & 0xff) << 8;
                yield index % 2 == 0 ? both & 0xFFF : both >>> 4;
            }
            case FAT16 -> table.getShort(index * 2) & 0xffff;
            case FAT32 -> table.getInt(index * 4) & 0x0FFF_FFFF;
            case EXFAT -> table.getInt(index * 4) & 0xFFFF_FFFFL;
        };
    }
}
