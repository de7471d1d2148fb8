package virtshrink.filesystem.signature;

import static virtshrink.filesystem.signature.Signature.at;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import virtshrink.block.StructureBytes;
import virtshrink.filesystem.signature.Signature.Details;

/** NTFS, ReFS, the FAT family and BitLocker: formats with a BIOS parameter block, or that imitate one. */
final class MicrosoftFilesystems {
    private static final int BOOT_SECTOR_BYTES = 512;
    private static final int VOLUME_RECORD = 3;
    private static final int VOLUME_NAME = 0x60;

    static final List<Signature> ALL = List.of(
            Signature.of("ntfs", "NTFS", at(0, "NTFS    ").in(3).named(MicrosoftFilesystems::ntfs)),
            Signature.of("ReFS", "ReFS", at(0, "ReFS\0").in(3)),
            Signature.of(
                    "BitLocker",
                    "BitLocker encryption",
                    at(0, "-FVE-FS-").in(3),
                    at(0, "MSWIN4.1").in(3).when(MicrosoftFilesystems::isBitLockerToGo)),
            Signature.of(
                    "exfat",
                    "exFAT",
                    at(0, "EXFAT   ")
                            .in(3)
                            .when(BOOT_SECTOR_BYTES, boot -> boot.matches(11, new byte[53]))
                            .named(MicrosoftFilesystems::exfat)),
            Signature.of("vfat", "FAT", volume -> isFat(volume) ? Optional.of(fat(volume)) : Optional.empty()));

    private MicrosoftFilesystems() {}

    private static Details ntfs(VolumeWindow volume, long offset) throws IOException {
        StructureBytes boot = volume.at(offset, BOOT_SECTOR_BYTES);
        int sectorBytes = boot.u16le(11);
        int perCluster = boot.u8(13);
        long clusterBytes =
                (long) sectorBytes * (perCluster <= 128 ? perCluster : 1L << Math.min(256 - perCluster, 24));
        String uuid = "%016X".formatted(boot.i64le(72));
        int recordShift = boot.u8(64);
        long recordBytes = recordShift < 128 ? recordShift * clusterBytes : 1L << Math.min(256 - recordShift, 24);
        long mft = Field.bytes(boot.i64le(48), clusterBytes);
        boolean readable = mft > 0 && Field.isPowerOfTwo(recordBytes, 256, 65536);
        String label = readable ? ntfsLabel(volume.at(mft + VOLUME_RECORD * recordBytes, (int) recordBytes)) : "";
        return new Details(label, uuid, clusterBytes, Field.bytes(boot.i64le(40), sectorBytes));
    }

    /** The resident attribute {@code $VOLUME_NAME} of the file {@code $Volume}. */
    private static String ntfsLabel(StructureBytes record) {
        if (!record.text(0, 4, StandardCharsets.ISO_8859_1).equals("FILE")) {
            return "";
        }
        long at = record.u16le(20);
        while (at + 24 <= record.length()) {
            int attribute = (int) at;
            long type = record.u32le(attribute);
            long length = record.u32le(attribute + 4);
            long valueBytes = record.u32le(attribute + 16);
            long value = at + record.u16le(attribute + 20);
            if (type == VOLUME_NAME && record.u8(attribute + 8) == 0 && value + valueBytes <= record.length()) {
                return new String(record.bytes((int) value, (int) valueBytes), StandardCharsets.UTF_16LE);
            }
            if (length < 16) {
                return "";
            }
            at += length;
        }
        return "";
    }

    /** A FAT boot sector, to be readable elsewhere, with the identifier of a BitLocker volume instead of the rest. */
    private static boolean isBitLockerToGo(VolumeWindow volume, long offset) throws IOException {
        StructureBytes boot = volume.at(offset, BOOT_SECTOR_BYTES);
        return boot.i64be(424) == 0x3BD66749292ED84AL || boot.i64be(424) == 0x3B4DA89280DD0E4DL;
    }

    private static Details exfat(VolumeWindow volume, long offset) throws IOException {
        StructureBytes boot = volume.at(offset, BOOT_SECTOR_BYTES);
        int sectorShift = boot.u8(108);
        int clusterShift = boot.u8(109);
        boolean sane = sectorShift >= 9 && sectorShift <= 12 && clusterShift <= 25 - sectorShift;
        return new Details(
                "",
                serial(boot.u32le(100)),
                sane ? 1L << (sectorShift + clusterShift) : 0,
                sane ? Field.bytes(boot.i64le(72), 1L << sectorShift) : 0);
    }

    private static boolean isFat(VolumeWindow volume) throws IOException {
        StructureBytes boot = volume.at(0, BOOT_SECTOR_BYTES);
        String oldType = boot.text(0x36, 8, StandardCharsets.ISO_8859_1);
        String type32 = boot.text(0x52, 8, StandardCharsets.ISO_8859_1);
        boolean named = oldType.startsWith("FAT")
                || oldType.startsWith("MSDOS")
                || type32.startsWith("FAT32   ")
                || type32.startsWith("MSWIN");
        // OS/2 put such a block in front of its other filesystems as well.
        boolean other = oldType.startsWith("JFS") || oldType.startsWith("HPFS") || isBitLockerToGo(volume, 0);
        boolean jump = (boot.u8(0) == 0xEB || boot.u8(0) == 0xE9) && boot.u16le(510) == 0xAA55;
        int media = boot.u8(21);
        return !other
                && (named || jump)
                && Field.isPowerOfTwo(boot.u16le(11), 512, 4096)
                && Field.isPowerOfTwo(boot.u8(13), 1, 128)
                && boot.u16le(14) != 0
                && boot.u8(16) != 0
                && (media == 0xF0 || media >= 0xF8)
                && fatSectors(boot) != 0
                && (boot.u16le(22) != 0 || boot.u32le(36) != 0);
    }

    private static long fatSectors(StructureBytes boot) {
        return boot.u16le(19) != 0 ? boot.u16le(19) : boot.u32le(32);
    }

    private static Details fat(VolumeWindow volume) throws IOException {
        StructureBytes boot = volume.at(0, BOOT_SECTOR_BYTES);
        // FAT32 has no FAT length in the old place, and everything behind its longer block is moved.
        int extended = boot.u16le(22) != 0 ? 0x26 : 0x42;
        boolean hasSerial = boot.u8(extended) == 0x28 || boot.u8(extended) == 0x29;
        String label =
                boot.u8(extended) == 0x29 ? Field.label(boot, extended + 5, 11, StandardCharsets.ISO_8859_1) : "";
        int sectorBytes = boot.u16le(11);
        return new Details(
                label.equals("NO NAME") ? "" : label,
                hasSerial ? serial(boot.u32le(extended + 1)) : "",
                (long) sectorBytes * boot.u8(13),
                Field.bytes(fatSectors(boot), sectorBytes));
    }

    private static String serial(long number) {
        return "%04X-%04X".formatted(number >>> 16, number & 0xFFFF);
    }
}
