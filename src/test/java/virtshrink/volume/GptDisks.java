package virtshrink.volume;

import java.util.zip.CRC32;
import virtshrink.block.MemoryDisk;

/** A captured GPT disk, and how to keep its checksums right after a field was changed. */
final class GptDisks {
    static final int SECTOR_BYTES = 512;
    static final int SIZE_BYTES = 1 << 20;
    static final int PRIMARY = SECTOR_BYTES;
    static final int BACKUP = SIZE_BYTES - SECTOR_BYTES;
    static final int PRIMARY_ENTRIES = 2 * SECTOR_BYTES;
    static final int BACKUP_ENTRIES = SIZE_BYTES - 33 * SECTOR_BYTES;
    static final int ENTRY_BYTES = 128;
    private static final int ENTRIES_BYTES = 128 * ENTRY_BYTES;

    private GptDisks() {}

    /** Two Linux partitions, sectors 64 to 127 and 128 to 255, and a swap partition in slot 5, sectors 256 to 1023. */
    static MemoryDisk usual() {
        MemoryDisk disk = new MemoryDisk(SIZE_BYTES);
        disk.put(446, 0, 0, 2, 0, 0xEE, 0xFF, 0xFF, 0xFF)
                .u32le(454, 1)
                .u32le(458, SIZE_BYTES / SECTOR_BYTES - 1)
                .u16le(510, 0xAA55);
        long last = SIZE_BYTES / SECTOR_BYTES - 1;
        header(disk, PRIMARY, 1, last, 2);
        header(disk, BACKUP, last, 1, BACKUP_ENTRIES / SECTOR_BYTES);
        entry(disk, 1, "0FC63DAF-8483-4772-8E79-3D69D8477DE4", 64, 127);
        entry(disk, 2, "0FC63DAF-8483-4772-8E79-3D69D8477DE4", 128, 255);
        entry(disk, 5, "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F", 256, 1023);
        return repaired(disk);
    }

    private static void header(MemoryDisk disk, int at, long myLba, long alternateLba, long entriesLba) {
        disk.put(at, "EFI PART")
                .u32le(at + 8, 0x10000)
                .u32le(at + 12, 92)
                .u64le(at + 24, myLba)
                .u64le(at + 32, alternateLba)
                .u64le(at + 40, 34)
                .u64le(at + 48, SIZE_BYTES / SECTOR_BYTES - 34)
                .put(at + 56, "a captured disk!")
                .u64le(at + 72, entriesLba)
                .u32le(at + 80, 128)
                .u32le(at + 84, ENTRY_BYTES);
    }

    /** Writes an entry into both copies of the table. */
    static void entry(MemoryDisk disk, int number, String type, long firstLba, long lastLba) {
        for (int table : new int[] {PRIMARY_ENTRIES, BACKUP_ENTRIES}) {
            int at = table + (number - 1) * ENTRY_BYTES;
            guid(disk, at, type);
            disk.put(at + 16, "unique number 0" + number)
                    .u64le(at + 32, firstLba)
                    .u64le(at + 40, lastLba);
        }
    }

    private static void guid(MemoryDisk disk, int at, String text) {
        String hex = text.replace("-", "");
        int[] order = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
        for (int i = 0; i < order.length; i++) {
            disk.put(at + i, Integer.parseInt(hex.substring(order[i] * 2, order[i] * 2 + 2), 16));
        }
    }

    /** All four checksums right again. */
    static MemoryDisk repaired(MemoryDisk disk) {
        repair(disk, PRIMARY, PRIMARY_ENTRIES);
        repair(disk, BACKUP, BACKUP_ENTRIES);
        return disk;
    }

    private static void repair(MemoryDisk disk, int header, int entries) {
        disk.u32le(header + 88, crc32(disk, entries, ENTRIES_BYTES));
        repairHeader(disk, header, 92);
    }

    static void repairHeader(MemoryDisk disk, int header, int headerBytes) {
        disk.u32le(header + 16, 0);
        disk.u32le(header + 16, crc32(disk, header, headerBytes));
    }

    private static long crc32(MemoryDisk disk, int at, int length) {
        CRC32 crc = new CRC32();
        crc.update(disk.bytes(), at, length);
        return crc.getValue();
    }
}
