package virtshrink.filesystem.fat;

import virtshrink.block.MemoryDisk;

/** Puts the right checksums over what a test has changed. */
final class ExfatSeal {
    private static final int SECTOR_BYTES = 512;
    private static final int REGION_BYTES = 12 * SECTOR_BYTES;
    private static final int VOLUME_FLAGS = 106;
    private static final int PERCENT_IN_USE = 112;

    private ExfatSeal() {}

    /** The main boot region, whose sectors are of 512 bytes, and a backup that is the same. */
    static void bootRegions(MemoryDisk disk) {
        byte[] bytes = disk.bytes();
        int sum = 0;
        for (int at = 0; at < REGION_BYTES - SECTOR_BYTES; at++) {
            if (at != VOLUME_FLAGS && at != VOLUME_FLAGS + 1 && at != PERCENT_IN_USE) {
                sum = ((sum & 1) != 0 ? 0x80000000 : 0) + (sum >>> 1) + (bytes[at] & 0xFF);
            }
        }
        for (int at = REGION_BYTES - SECTOR_BYTES; at < REGION_BYTES; at += Integer.BYTES) {
            disk.u32le(at, sum);
        }
        System.arraycopy(bytes, 0, bytes, REGION_BYTES, REGION_BYTES);
    }

    /** The set of directory entries that begins at an offset. */
    static void entrySet(MemoryDisk disk, int at) {
        byte[] bytes = disk.bytes();
        int end = at + ((bytes[at + 1] & 0xFF) + 1) * ExfatDirectory.ENTRY_BYTES;
        int sum = 0;
        for (int next = at; next < end; next++) {
            if (next != at + 2 && next != at + 3) {
                sum = (((sum & 1) != 0 ? 0x8000 : 0) + (sum >>> 1) + (bytes[next] & 0xFF)) & 0xFFFF;
            }
        }
        disk.u16le(at + 2, sum);
    }
}
