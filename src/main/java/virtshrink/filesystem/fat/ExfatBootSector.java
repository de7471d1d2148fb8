package virtshrink.filesystem.fat;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.util.Optional;
import virtshrink.block.StructureBytes;

/**
 * The Main Boot Sector of an exFAT volume (section 3.1 of the specification).
 *
 * @param volumeLength in sectors
 * @param fatOffset in sectors, as are the next two
 * @param clusterHeapOffset where the first cluster begins
 */
record ExfatBootSector(
        long volumeLength,
        long fatOffset,
        long fatLength,
        long clusterHeapOffset,
        long clusterCount,
        long firstClusterOfRootDirectory,
        String volumeSerialNumber,
        int fileSystemRevision,
        int volumeFlags,
        int bytesPerSectorShift,
        int sectorsPerClusterShift,
        int numberOfFats) {
    static final String STRUCTURE = "exFAT boot sector";
    static final int LENGTH_BYTES = 512;

    private static final int MUST_BE_ZERO_BYTES = 53;
    private static final int MOST_CLUSTER_SHIFT = 25;
    private static final int BOOT_REGIONS_SECTORS = 24;
    private static final int REVISION = 0x0100;
    private static final int FLAG_ACTIVE_FAT = 0x1;
    private static final int FLAG_VOLUME_DIRTY = 0x2;
    private static final int FLAG_MEDIA_FAILURE = 0x4;
    private static final int FLAG_CLEAR_TO_ZERO = 0x8;
    private static final int KNOWN_FLAGS =
            FLAG_ACTIVE_FAT | FLAG_VOLUME_DIRTY | FLAG_MEDIA_FAILURE | FLAG_CLEAR_TO_ZERO;

    /** @param boot the first 512 bytes */
    static boolean isPresent(StructureBytes boot) {
        return boot.matches(3, "EXFAT   ".getBytes(ISO_8859_1)) && boot.matches(11, new byte[MUST_BE_ZERO_BYTES]);
    }

    /**
     * Reads and checks the sector.
     *
     * @param boot the first 512 bytes
     * @param volumeBytes size of the volume
     * @throws virtshrink.block.CorruptStructureException if it contradicts itself or the volume
     */
    static ExfatBootSector parse(StructureBytes boot, long volumeBytes) {
        if (!isPresent(boot)) {
            throw boot.corrupt(0, "is none");
        }
        long volumeLength = boot.i64le(72);
        long fatOffset = boot.u32le(80);
        long fatLength = boot.u32le(84);
        long clusterHeapOffset = boot.u32le(88);
        long clusterCount = boot.u32le(92);
        long firstClusterOfRootDirectory = boot.u32le(96);
        long volumeSerialNumber = boot.u32le(100);
        int fileSystemRevision = boot.u16le(104);
        int volumeFlags = boot.u16le(106);
        int bytesPerSectorShift = boot.u8(108);
        int sectorsPerClusterShift = boot.u8(109);
        int numberOfFats = boot.u8(110);
        int bootSignature = boot.u16le(510);

        if (bootSignature != FatBootSector.SIGNATURE) {
            throw boot.corrupt(510, "signature 0x%x, expected 0x%x".formatted(bootSignature, FatBootSector.SIGNATURE));
        }
        if (bytesPerSectorShift < 9 || bytesPerSectorShift > 12) {
            throw boot.corrupt(108, "sectors of 2^%d bytes".formatted(bytesPerSectorShift));
        }
        if (sectorsPerClusterShift > MOST_CLUSTER_SHIFT - bytesPerSectorShift) {
            throw boot.corrupt(109, "clusters of 2^%d bytes".formatted(bytesPerSectorShift + sectorsPerClusterShift));
        }
        if (volumeLength <= 0 || volumeLength > volumeBytes >> bytesPerSectorShift) {
            throw boot.corrupt(
                    72,
                    "%d sectors of %d bytes expected, the volume has %d bytes"
                            .formatted(volumeLength, 1 << bytesPerSectorShift, volumeBytes));
        }
        if (numberOfFats < 1 || numberOfFats > 2) {
            throw boot.corrupt(110, "%d file allocation tables".formatted(numberOfFats));
        }
        if (fatOffset < BOOT_REGIONS_SECTORS
                || fatOffset + fatLength * numberOfFats > clusterHeapOffset
                || clusterHeapOffset >= volumeLength) {
            throw boot.corrupt(
                    80,
                    "file allocation table in sector %d, %d long, and clusters from sector %d of %d on"
                            .formatted(fatOffset, fatLength, clusterHeapOffset, volumeLength));
        }
        if (clusterCount == 0 || clusterCount > (volumeLength - clusterHeapOffset) >> sectorsPerClusterShift) {
            throw boot.corrupt(
                    92,
                    "%d clusters of %d sectors expected in %d sectors"
                            .formatted(clusterCount, 1L << sectorsPerClusterShift, volumeLength - clusterHeapOffset));
        }
        if (FatType.EXFAT.bytes(clusterCount + FatType.FIRST_CLUSTER) > fatLength << bytesPerSectorShift) {
            throw boot.corrupt(
                    84,
                    "a file allocation table of %d sectors is too small for %d clusters"
                            .formatted(fatLength, clusterCount));
        }
        if (firstClusterOfRootDirectory < FatType.FIRST_CLUSTER || firstClusterOfRootDirectory > clusterCount + 1) {
            throw boot.corrupt(
                    96, "root directory in cluster %d of %d".formatted(firstClusterOfRootDirectory, clusterCount + 1));
        }
        return new ExfatBootSector(
                volumeLength,
                fatOffset,
                fatLength,
                clusterHeapOffset,
                clusterCount,
                firstClusterOfRootDirectory,
                "%04X-%04X".formatted(volumeSerialNumber >>> 16, volumeSerialNumber & 0xFFFF),
                fileSystemRevision,
                volumeFlags,
                bytesPerSectorShift,
                sectorsPerClusterShift,
                numberOfFats);
    }

    int sectorBytes() {
        return 1 << bytesPerSectorShift;
    }

    int clusterBytes() {
        return 1 << (bytesPerSectorShift + sectorsPerClusterShift);
    }

    long totalBytes() {
        return volumeLength << bytesPerSectorShift;
    }

    long fatOffsetBytes() {
        return fatOffset << bytesPerSectorShift;
    }

    long clusterOffset(long cluster) {
        return (clusterHeapOffset << bytesPerSectorShift) + (cluster - FatType.FIRST_CLUSTER) * clusterBytes();
    }

    /** The highest number of a cluster. */
    long lastCluster() {
        return clusterCount + FatType.FIRST_CLUSTER - 1;
    }

    /** How many clusters so many bytes take. */
    long clusters(long bytes) {
        return bytes / clusterBytes() + (bytes % clusterBytes() == 0 ? 0 : 1);
    }

    /** What the flags say of a guest that did not finish. */
    Optional<String> whyDirty() {
        if ((volumeFlags & FLAG_VOLUME_DIRTY) != 0) {
            return Optional.of(
                    "not cleanly unmounted (VolumeDirty); it stays marked until fsck.exfat or, in Windows, chkdsk /f has checked it");
        }
        return (volumeFlags & FLAG_MEDIA_FAILURE) == 0
                ? Optional.empty()
                : Optional.of("marked as having seen errors (MediaFailure): needs a check of the medium");
    }

    /** What is declared here and not supported. */
    Optional<String> whyUnsupported() {
        if (fileSystemRevision != REVISION) {
            return Optional.of(
                    "unknown revision %d.%02d".formatted(fileSystemRevision >> 8, fileSystemRevision & 0xff));
        } else if (numberOfFats != 1 || (volumeFlags & FLAG_ACTIVE_FAT) != 0) {
            return Optional.of("TexFAT, with two file allocation tables");
        } else if ((volumeFlags & ~KNOWN_FLAGS) != 0) {
            return Optional.of("unknown volume flags 0x%x".formatted(volumeFlags & ~KNOWN_FLAGS));
        }
        return clusterCount > ClusterSet.MOST_BITS
                ? Optional.of(
                        "%d clusters, more than %d are not supported".formatted(clusterCount, ClusterSet.MOST_BITS))
                : Optional.empty();
    }
}
