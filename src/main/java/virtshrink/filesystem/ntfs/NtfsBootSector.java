package virtshrink.filesystem.ntfs;

import java.util.Optional;
import java.util.function.Supplier;
import virtshrink.block.StructureBytes;

/**
 * The boot sector: 512 bytes at the start of the volume, and a copy in the sector behind the last one that {@code total_sectors} counts.
 *
 * @param bytesPerSector 256 to 4096; what is below 512 only mkfs.ntfs makes
 * @param clusterBytes 512 bytes to 2 MiB
 * @param totalSectors without the sector of the copy
 * @param mftLcn cluster at which {@code $MFT} begins
 * @param mftMirrLcn cluster at which {@code $MFTMirr} begins
 * @param fileRecordBytes size of a file record, 512 bytes to 64 KiB
 */
record NtfsBootSector(
        int bytesPerSector,
        int clusterBytes,
        long totalSectors,
        long mftLcn,
        long mftMirrLcn,
        int fileRecordBytes,
        long serialNumber) {
    static final String STRUCTURE = "PACKED_BOOT_SECTOR";
    static final int LENGTH_BYTES = 512;
    /** Of the copy, as far as it is compared. */
    static final int FIELDS_BYTES = 0x54;

    static final int OEM_ID_AT = 3;
    static final long OEM_ID = 0x202020205346544EL;

    static final int MOST_CLUSTER_BYTES = 2 << 20;
    private static final int MOST_RECORD_BYTES = 64 << 10;

    /**
     * @throws virtshrink.block.CorruptStructureException if a field contradicts the format
     */
    static NtfsBootSector parse(StructureBytes bytes) {
        long oemId = bytes.i64le(OEM_ID_AT);
        int bytesPerSector = bytes.u16le(0x0B);
        int sectorsPerCluster = bytes.u8(0x0D);
        int reservedSectors = bytes.u16le(0x0E);
        int fats = bytes.u8(0x10);
        int rootEntries = bytes.u16le(0x11);
        int sectors16 = bytes.u16le(0x13);
        int sectorsPerFat = bytes.u16le(0x16);
        long sectors32 = bytes.u32le(0x20);
        long totalSectors = bytes.u63le(0x28);
        long mftLcn = bytes.u63le(0x30);
        long mftMirrLcn = bytes.u63le(0x38);
        int clustersPerFileRecord = bytes.u8(0x40);
        long serialNumber = bytes.i64le(0x48);

        require(oemId == OEM_ID, bytes, OEM_ID_AT, () -> "not an NTFS boot sector");
        require(
                isPowerOfTwo(bytesPerSector, 256, 4096),
                bytes,
                0x0B,
                () -> "%d bytes per sector".formatted(bytesPerSector));
        long clusterBytes = clusterBytes(bytesPerSector, sectorsPerCluster);
        require(
                isPowerOfTwo(clusterBytes, 512, MOST_CLUSTER_BYTES),
                bytes,
                0x0D,
                () -> "sectors per cluster 0x%02x with sectors of %d bytes"
                        .formatted(sectorsPerCluster, bytesPerSector));
        require(
                reservedSectors == 0
                        && fats == 0
                        && rootEntries == 0
                        && sectors16 == 0
                        && sectorsPerFat == 0
                        && sectors32 == 0,
                bytes,
                0x0E,
                () -> "fields of a FAT volume are set");
        long recordBytes = recordBytes(clustersPerFileRecord, clusterBytes);
        require(
                isPowerOfTwo(recordBytes, UpdateSequence.STRIDE_BYTES, MOST_RECORD_BYTES),
                bytes,
                0x40,
                () -> "clusters per file record 0x%02x with clusters of %d bytes"
                        .formatted(clustersPerFileRecord, clusterBytes));
        require(
                totalSectors > 0 && totalSectors <= Long.MAX_VALUE / bytesPerSector - 1,
                bytes,
                0x28,
                () -> "%d sectors".formatted(totalSectors));
        NtfsBootSector boot = new NtfsBootSector(
                bytesPerSector, (int) clusterBytes, totalSectors, mftLcn, mftMirrLcn, (int) recordBytes, serialNumber);
        require(
                mftLcn > 0 && mftLcn < boot.clusters(),
                bytes,
                0x30,
                () -> "$MFT at cluster %d of %d".formatted(mftLcn, boot.clusters()));
        require(
                mftMirrLcn > 0 && mftMirrLcn < boot.clusters() && mftMirrLcn != mftLcn,
                bytes,
                0x38,
                () -> "$MFTMirr at cluster %d of %d".formatted(mftMirrLcn, boot.clusters()));
        return boot;
    }

    /** Whole clusters; sectors behind the last belong to none. */
    long clusters() {
        return totalBytes() / clusterBytes;
    }

    /** Size of the filesystem without the sector that holds the copy of this one. */
    long totalBytes() {
        return totalSectors * bytesPerSector;
    }

    /** Where the copy of this sector lies: in the sector behind the last; mkfs.ntfs writes it no shorter than 512 bytes. */
    long copyAt() {
        return totalBytes() + bytesPerSector - Math.max(bytesPerSector, LENGTH_BYTES);
    }

    /** As {@code blkid(8)} writes it. */
    String uuid() {
        return "%016X".formatted(serialNumber);
    }

    /**
     * How the copy contradicts this sector. Only what locates structures counts: boot code, the geometry that a BIOS saw, the partition's
     * own place and the serial number are changed in the first sector alone by many tools.
     */
    Optional<String> contradictedBy(NtfsBootSector copy) {
        boolean same = copy.bytesPerSector == bytesPerSector
                && copy.clusterBytes == clusterBytes
                && copy.totalSectors == totalSectors
                && copy.mftLcn == mftLcn
                && copy.mftMirrLcn == mftMirrLcn
                && copy.fileRecordBytes == fileRecordBytes;
        return same ? Optional.empty() : Optional.of("the copy of the boot sector behind the last cluster differs");
    }

    /** A count of sectors, a power of two to 128; above that, as a signed number, the negative logarithm of the count. */
    private static long clusterBytes(int bytesPerSector, int sectorsPerCluster) {
        if (sectorsPerCluster <= 128) {
            return (long) bytesPerSector * sectorsPerCluster;
        }
        int logarithm = 256 - sectorsPerCluster;
        return logarithm <= 13 ? (long) bytesPerSector << logarithm : 0;
    }

    /** A count of clusters, or, as a negative number, the negative logarithm of the size in bytes. */
    private static long recordBytes(int clustersPerRecord, long clusterBytes) {
        if (clustersPerRecord < 128) {
            return clustersPerRecord * clusterBytes;
        }
        int logarithm = 256 - clustersPerRecord;
        return logarithm < 31 ? 1L << logarithm : 0;
    }

    private static boolean isPowerOfTwo(long value, long least, long most) {
        return value >= least && value <= most && Long.bitCount(value) == 1;
    }

    private static void require(boolean condition, StructureBytes bytes, int at, Supplier<String> reason) {
        if (!condition) {
            throw bytes.corrupt(at, reason.get());
        }
    }
}
