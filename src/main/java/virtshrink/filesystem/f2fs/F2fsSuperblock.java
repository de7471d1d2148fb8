package virtshrink.filesystem.f2fs;

import static java.nio.charset.StandardCharsets.UTF_16LE;

import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import virtshrink.block.StructureBytes;

/**
 * {@code struct f2fs_super_block}, at offset 1024 of the first block and again of the second: the fields that matter here. Addresses and counts
 * are of blocks of 4 KiB, or of segments of 512 blocks.
 *
 * @param stopReason whether {@code s_stop_reason} or {@code s_errors} tells of trouble
 */
record F2fsSuperblock(
        long blockCount,
        long segmentCountSit,
        long segmentCountNat,
        long segmentCountMain,
        long cpBlkaddr,
        long sitBlkaddr,
        long mainBlkaddr,
        String uuid,
        String volumeName,
        int cpPayload,
        long feature,
        boolean severalDevices,
        boolean stopReason) {
    static final String STRUCTURE = "f2fs_super_block";
    static final int OFFSET_BYTES = 1024;
    static final int LENGTH_BYTES = 3072;
    static final long MAGIC = 0xF2F52010L;
    static final int BLOCK_BYTES = 4096;
    static final int SEGMENT_BLOCKS = 512;

    private static final int LOG_BLOCK_BYTES = 12;
    private static final int LOG_SEGMENT_BLOCKS = 9;
    private static final int CRC_AT = 3068;
    private static final int FEATURE_SB_CHKSUM = 0x800;
    private static final int FEATURES_SUPPORTED =
            // encrypt, atomic_write, extra_attr, project_quota, inode_checksum, flexible_inline_xattr, quota,
            // inode_crtime, lost_found, verity, sb_checksum, casefold, compression
            0x1 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | FEATURE_SB_CHKSUM | 0x1000 | 0x2000;

    private static final Map<Long, String> FEATURES_REFUSED =
            Map.of(0x2L, "blkzoned", 0x4000L, "ro", 0x8000L, "device_alias", 0x10000L, "packed_ssa");

    /**
     * Reads and checks one copy.
     *
     * @param volumeBytes size of the volume
     * @throws virtshrink.block.CorruptStructureException if it contradicts itself or the volume
     */
    static F2fsSuperblock parse(StructureBytes bytes, long volumeBytes) {
        long magic = bytes.u32le(0);
        long logSectorsize = bytes.u32le(8);
        long logSectorsPerBlock = bytes.u32le(12);
        long logBlocksize = bytes.u32le(16);
        long logBlocksPerSeg = bytes.u32le(20);
        long checksumOffset = bytes.u32le(32);
        long blockCount = bytes.u63le(36);
        long segmentCount = bytes.u32le(48);
        long segmentCountCkpt = bytes.u32le(52);
        long segmentCountSit = bytes.u32le(56);
        long segmentCountNat = bytes.u32le(60);
        long segmentCountSsa = bytes.u32le(64);
        long segmentCountMain = bytes.u32le(68);
        long segment0Blkaddr = bytes.u32le(72);
        long cpBlkaddr = bytes.u32le(76);
        long sitBlkaddr = bytes.u32le(80);
        long natBlkaddr = bytes.u32le(84);
        long ssaBlkaddr = bytes.u32le(88);
        long mainBlkaddr = bytes.u32le(92);
        long uuidHigh = bytes.i64be(108);
        long uuidLow = bytes.i64be(116);
        String volumeName = new String(bytes.bytes(124, 1024), UTF_16LE);
        long cpPayload = bytes.u32le(1664);
        long feature = bytes.u32le(2180);
        int secondDevicePath = bytes.u8(2201);
        byte[] stopReason = bytes.bytes(2762, 32 + 16);
        int crc = (int) bytes.u32le(CRC_AT);

        if (magic != MAGIC) {
            throw bytes.corrupt(0, "magic number 0x%x, expected 0x%x".formatted(magic, MAGIC));
        }
        if ((feature & FEATURE_SB_CHKSUM) != 0) {
            int computed = F2fsCrc.update((int) MAGIC, bytes.bytes(0, CRC_AT), 0, CRC_AT);
            if (checksumOffset != CRC_AT || computed != crc) {
                throw bytes.corrupt(
                        CRC_AT, "checksum 0x%08x does not match the content's 0x%08x".formatted(crc, computed));
            }
        }
        if (logBlocksize != LOG_BLOCK_BYTES || logSectorsize + logSectorsPerBlock != logBlocksize) {
            throw bytes.corrupt(
                    16,
                    "blocks of 2^%d bytes, of 2^%d sectors of 2^%d bytes: only blocks of 4096 bytes are supported"
                            .formatted(logBlocksize, logSectorsPerBlock, logSectorsize));
        }
        if (logBlocksPerSeg != LOG_SEGMENT_BLOCKS) {
            throw bytes.corrupt(20, "segments of 2^%d blocks".formatted(logBlocksPerSeg));
        }
        boolean adjoin = segment0Blkaddr == cpBlkaddr
                && cpBlkaddr > 0
                && segmentCountCkpt >= 2
                && cpBlkaddr + segmentCountCkpt * SEGMENT_BLOCKS == sitBlkaddr
                && sitBlkaddr + segmentCountSit * SEGMENT_BLOCKS == natBlkaddr
                && natBlkaddr + segmentCountNat * SEGMENT_BLOCKS == ssaBlkaddr
                && ssaBlkaddr + segmentCountSsa * SEGMENT_BLOCKS == mainBlkaddr
                && mainBlkaddr + segmentCountMain * SEGMENT_BLOCKS <= segment0Blkaddr + segmentCount * SEGMENT_BLOCKS;
        if (!adjoin || segmentCountSit % 2 != 0 || segmentCountNat % 2 != 0) {
            throw bytes.corrupt(72, "its areas do not adjoin each other");
        }
        long needed = Math.max(blockCount, mainBlkaddr + segmentCountMain * SEGMENT_BLOCKS);
        if (needed > volumeBytes / BLOCK_BYTES) {
            throw bytes.corrupt(
                    36, "%d blocks of 4096 bytes expected, the volume has %d bytes".formatted(needed, volumeBytes));
        }
        if (segmentCountMain == 0
                || segmentCountSit / 2 * SEGMENT_BLOCKS * F2fsSit.ENTRIES_PER_BLOCK < segmentCountMain) {
            throw bytes.corrupt(56, "%d segments for the table of %d".formatted(segmentCountSit, segmentCountMain));
        }
        if (cpPayload >= SEGMENT_BLOCKS) {
            throw bytes.corrupt(1664, "a checkpoint with %d more blocks".formatted(cpPayload));
        }
        return new F2fsSuperblock(
                blockCount,
                segmentCountSit,
                segmentCountNat,
                segmentCountMain,
                cpBlkaddr,
                sitBlkaddr,
                mainBlkaddr,
                uuidHigh == 0 && uuidLow == 0 ? "" : new UUID(uuidHigh, uuidLow).toString(),
                volumeName.indexOf('\0') < 0 ? volumeName : volumeName.substring(0, volumeName.indexOf('\0')),
                (int) cpPayload,
                feature,
                secondDevicePath != 0,
                anySet(stopReason));
    }

    long totalBytes() {
        return blockCount <= Long.MAX_VALUE / BLOCK_BYTES ? blockCount * BLOCK_BYTES : 0;
    }

    /** What is declared here and not supported. */
    Optional<String> whyUnsupported() {
        long unsupported = feature & ~FEATURES_SUPPORTED;
        if (unsupported != 0) {
            long bit = Long.lowestOneBit(unsupported);
            return Optional.of(
                    FEATURES_REFUSED.containsKey(bit)
                            ? "feature %s (0x%x) is not supported".formatted(FEATURES_REFUSED.get(bit), bit)
                            : "unknown feature 0x%x".formatted(bit));
        }
        return severalDevices ? Optional.of("it has several devices") : Optional.empty();
    }

    private static boolean anySet(byte[] bytes) {
        int any = 0;
        for (byte b : bytes) {
            any |= b;
        }
        return any != 0;
    }
}
