package virtshrink.filesystem.fat;

import java.nio.charset.StandardCharsets;
import java.util.Optional;
import virtshrink.block.StructureBytes;

/**
 * The first sector of a FAT12, FAT16 or FAT32 volume: the BIOS parameter block and what stands behind it.
 *
 * @param fatSectors length of one file allocation table
 * @param rootEntries length of the root directory; 0 on FAT32, where it is a chain of clusters
 * @param extFlags {@code BPB_ExtFlags}; 0 unless FAT32
 * @param fsVer {@code BPB_FSVer}; 0 unless FAT32
 * @param rootCluster {@code BPB_RootClus}; 0 unless FAT32
 * @param bkBootSec {@code BPB_BkBootSec}: where the copy of this sector lies; 0 if there is none
 * @param state {@code BS_Reserved1}, in which Windows and Linux note whether the volume is in use
 * @param clusters how many of them the data area has
 */
record FatBootSector(
        FatType type,
        int bytesPerSector,
        int sectorsPerCluster,
        int reservedSectors,
        int fats,
        int rootEntries,
        long totalSectors,
        int media,
        long fatSectors,
        int extFlags,
        int fsVer,
        long rootCluster,
        int bkBootSec,
        int state,
        String typeName,
        String serial,
        String label,
        long clusters) {
    static final String STRUCTURE = "FAT boot sector";
    static final int LENGTH_BYTES = 512;
    static final int SIGNATURE_AT = 510;
    static final int SIGNATURE = 0xAA55;

    /** Fewer are FAT12 to everybody. */
    private static final long LEAST_NOT_FAT12_CLUSTERS = 4085;

    /** So many are FAT16 to everybody; between, Windows has another limit than its own specification and Linux. */
    private static final long LEAST_FAT16_CLUSTERS = 4087;

    private static final long LEAST_FAT32_CLUSTERS = 65525;
    private static final long MOST_FAT32_CLUSTERS = 0x0FFF_FFF5;
    private static final int MOST_FATS = 4;
    private static final int STATE_DIRTY = 0x1;
    private static final int STATE_ERRORS = 0x2;
    private static final int EXT_FLAGS_NO_MIRRORING = 0x80;
    private static final int NO_SECTOR = 0xFFFF;

    /**
     * The test that tells FAT from other boot sectors; it has no magic number of its own.
     *
     * @param boot the first 512 bytes
     */
    static boolean isPresent(StructureBytes boot) {
        String oldType = boot.text(0x36, 8, StandardCharsets.ISO_8859_1);
        String newType = boot.text(0x52, 8, StandardCharsets.ISO_8859_1);
        boolean named = oldType.startsWith("FAT")
                || oldType.startsWith("MSDOS")
                || newType.startsWith("FAT32   ")
                || newType.startsWith("MSWIN");
        boolean other = oldType.startsWith("JFS") || oldType.startsWith("HPFS");
        boolean jump = (boot.u8(0) == 0xEB || boot.u8(0) == 0xE9) && boot.u16le(SIGNATURE_AT) == SIGNATURE;
        int media = boot.u8(0x15);
        return !other
                && (named || jump)
                && isPowerOfTwo(boot.u16le(0x0B), 512, 4096)
                && isPowerOfTwo(boot.u8(0x0D), 1, 128)
                && boot.u16le(0x0E) != 0
                && boot.u8(0x10) != 0
                && (media == 0xF0 || media >= 0xF8)
                && (boot.u16le(0x13) != 0 || boot.u32le(0x20) != 0)
                && (boot.u16le(0x16) != 0 || boot.u32le(0x24) != 0);
    }

    /**
     * Reads and checks the sector.
     *
     * @param boot the first 512 bytes
     * @param volumeBytes size of the volume
     * @throws virtshrink.block.CorruptStructureException if it contradicts itself or the volume
     */
    static FatBootSector parse(StructureBytes boot, long volumeBytes) {
        if (!isPresent(boot)) {
            throw boot.corrupt(0, "is none");
        }
        int bytesPerSector = boot.u16le(0x0B);
        int sectorsPerCluster = boot.u8(0x0D);
        int reservedSectors = boot.u16le(0x0E);
        int fats = boot.u8(0x10);
        int rootEntries = boot.u16le(0x11);
        int totalSectors16 = boot.u16le(0x13);
        int media = boot.u8(0x15);
        int fatSectors16 = boot.u16le(0x16);
        long totalSectors32 = boot.u32le(0x20);
        boolean wide = fatSectors16 == 0;
        long fatSectors = wide ? boot.u32le(0x24) : fatSectors16;
        int extFlags = wide ? boot.u16le(0x28) : 0;
        int fsVer = wide ? boot.u16le(0x2A) : 0;
        long rootCluster = wide ? boot.u32le(0x2C) : 0;
        int bkBootSec = wide ? boot.u16le(0x32) : 0;
        // Everything behind the longer block of FAT32 is moved.
        int extended = wide ? 0x40 : 0x24;
        int state = boot.u8(extended + 1);
        int bootSig = boot.u8(extended + 2);
        long volId = boot.u32le(extended + 3);
        String volLab = boot.text(extended + 7, 11, StandardCharsets.ISO_8859_1).stripTrailing();
        String filSysType = boot.text(extended + 18, 8, StandardCharsets.ISO_8859_1);

        boolean hasLabel = bootSig == 0x29;
        boolean hasSerial = hasLabel || bootSig == 0x28;
        long totalSectors = totalSectors16 != 0 ? totalSectors16 : totalSectors32;
        if (totalSectors16 != 0 && totalSectors32 != 0 && totalSectors16 != totalSectors32) {
            throw boot.corrupt(
                    0x13, "two different lengths, %d and %d sectors".formatted(totalSectors16, totalSectors32));
        }
        if (totalSectors * bytesPerSector > volumeBytes) {
            throw boot.corrupt(
                    totalSectors16 != 0 ? 0x13 : 0x20,
                    "%d sectors of %d bytes expected, the volume has %d bytes"
                            .formatted(totalSectors, bytesPerSector, volumeBytes));
        }
        if (wide ? rootEntries != 0 : rootEntries == 0 || rootEntries * 32 % bytesPerSector != 0) {
            throw boot.corrupt(0x11, "a root directory of %d entries".formatted(rootEntries));
        }
        long rootSectors = rootEntries * 32L / bytesPerSector;
        long dataSector = reservedSectors + fats * fatSectors + rootSectors;
        long clusters = (totalSectors - dataSector) / sectorsPerCluster;
        if (dataSector >= totalSectors || clusters == 0) {
            throw boot.corrupt(
                    0x0E, "no room for data: it would begin in sector %d of %d".formatted(dataSector, totalSectors));
        }
        FatType type = wide ? FatType.FAT32 : clusters < LEAST_NOT_FAT12_CLUSTERS ? FatType.FAT12 : FatType.FAT16;
        if (clusters > (wide ? MOST_FAT32_CLUSTERS : LEAST_FAT32_CLUSTERS - 1)) {
            throw boot.corrupt(0x0D, "%d clusters are too many for %s".formatted(clusters, type));
        }
        if (type.bytes(clusters + FatType.FIRST_CLUSTER) > fatSectors * bytesPerSector) {
            throw boot.corrupt(
                    wide ? 0x24 : 0x16,
                    "a %s of %d sectors is too small for %d clusters".formatted(type, fatSectors, clusters));
        }
        if (wide && (rootCluster < FatType.FIRST_CLUSTER || rootCluster > clusters + 1)) {
            throw boot.corrupt(0x2C, "root directory in cluster %d of %d".formatted(rootCluster, clusters + 1));
        }
        if (bkBootSec != NO_SECTOR && bkBootSec >= reservedSectors) {
            throw boot.corrupt(
                    0x32, "backup in sector %d, but only %d are reserved".formatted(bkBootSec, reservedSectors));
        }
        return new FatBootSector(
                type,
                bytesPerSector,
                sectorsPerCluster,
                reservedSectors,
                fats,
                rootEntries,
                totalSectors,
                media,
                fatSectors,
                extFlags,
                fsVer,
                rootCluster,
                bkBootSec == NO_SECTOR ? 0 : bkBootSec,
                state,
                hasLabel ? filSysType : "",
                hasSerial ? "%04X-%04X".formatted(volId >>> 16, volId & 0xFFFF) : "",
                hasLabel && !volLab.equals("NO NAME") ? volLab : "",
                clusters);
    }

    int clusterBytes() {
        return bytesPerSector * sectorsPerCluster;
    }

    long totalBytes() {
        return totalSectors * bytesPerSector;
    }

    /** Where a file allocation table begins. */
    long fatOffset(int copy) {
        return (reservedSectors + copy * fatSectors) * bytesPerSector;
    }

    /** Where the root directory of FAT12 and FAT16 begins. */
    long rootOffset() {
        return fatOffset(fats);
    }

    long clusterOffset(long cluster) {
        return rootOffset() + rootEntries * 32L + (cluster - FatType.FIRST_CLUSTER) * clusterBytes();
    }

    /** The highest number of a cluster. */
    long lastCluster() {
        return clusters + FatType.FIRST_CLUSTER - 1;
    }

    /** What the boot sector knows of a guest that did not finish; the table may know more. */
    Optional<String> whyDirty() {
        if ((state & STATE_DIRTY) != 0) {
            return Optional.of("not cleanly unmounted (marked in the boot sector); " + FatTable.ADVICE);
        }
        return (state & STATE_ERRORS) == 0
                ? Optional.empty()
                : Optional.of("marked in the boot sector as having seen errors: needs a check of the medium");
    }

    /** What is declared here and not supported. */
    Optional<String> whyUnsupported() {
        if (fats > MOST_FATS) {
            return Optional.of("%d copies of the file allocation table".formatted(fats));
        } else if ((extFlags & EXT_FLAGS_NO_MIRRORING) != 0) {
            return Optional.of(
                    "only one of its file allocation tables is in use (BPB_ExtFlags 0x%x)".formatted(extFlags));
        } else if (fsVer != 0) {
            return Optional.of("unknown FAT32 version %d.%d".formatted(fsVer >> 8, fsVer & 0xff));
        } else if (type == FatType.FAT16 && clusters < LEAST_FAT16_CLUSTERS) {
            return Optional.of("ambiguous: %d clusters are FAT12 to some and FAT16 to others".formatted(clusters));
        }
        boolean contradicts = (typeName.startsWith("FAT12") && type == FatType.FAT16)
                || (typeName.startsWith("FAT16") && type == FatType.FAT12);
        return contradicts
                ? Optional.of(
                        "ambiguous: calls itself %s and has as many clusters as %s".formatted(typeName.strip(), type))
                : Optional.empty();
    }

    private static boolean isPowerOfTwo(int value, int least, int most) {
        return value >= least && value <= most && Integer.bitCount(value) == 1;
    }
}
