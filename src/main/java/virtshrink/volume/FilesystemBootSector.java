package virtshrink.volume;

import static java.nio.charset.StandardCharsets.US_ASCII;

import virtshrink.block.StructureBytes;

/**
 * Boot sectors of Microsoft filesystems end in 0x55AA like a master boot record, with code and text where that has its table. They are told
 * apart by the fields that describe the filesystem, in the places of the BIOS parameter block.
 */
final class FilesystemBootSector {
    private static final int OEM_ID = 3;

    private FilesystemBootSector() {}

    static boolean isPresent(StructureBytes sector) {
        return isNtfs(sector) || isExfat(sector) || isBitLocker(sector) || isRefs(sector) || isFat(sector);
    }

    private static boolean isNtfs(StructureBytes sector) {
        return hasOemId(sector, "NTFS    ")
                && isPowerOfTwo(sector.u16le(11), 256, 4096)
                && sector.u16le(14) == 0
                && sector.u8(16) == 0
                && sector.u16le(22) == 0;
    }

    private static boolean isExfat(StructureBytes sector) {
        return hasOemId(sector, "EXFAT   ") && sector.matches(11, new byte[53]);
    }

    private static boolean isBitLocker(StructureBytes sector) {
        return hasOemId(sector, "-FVE-FS-");
    }

    private static boolean isRefs(StructureBytes sector) {
        return hasOemId(sector, "ReFS\0");
    }

    private static boolean isFat(StructureBytes sector) {
        int jump = sector.u8(0);
        int media = sector.u8(21);
        return (jump == 0xEB || jump == 0xE9)
                && isPowerOfTwo(sector.u16le(11), 512, 4096)
                && isPowerOfTwo(sector.u8(13), 1, 128)
                && sector.u16le(14) != 0
                && sector.u8(16) != 0
                && (media == 0xF0 || media >= 0xF8)
                && (sector.u16le(19) != 0 || sector.u32le(32) != 0)
                && (sector.u16le(22) != 0 || sector.u32le(36) != 0);
    }

    private static boolean hasOemId(StructureBytes sector, String id) {
        return sector.matches(OEM_ID, id.getBytes(US_ASCII));
    }

    private static boolean isPowerOfTwo(int value, int least, int most) {
        return value >= least && value <= most && Integer.bitCount(value) == 1;
    }
}
