package virtshrink.filesystem.ext;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.HexFormat;
import java.util.Optional;
import java.util.function.Supplier;
import virtshrink.block.Crc32c;
import virtshrink.block.StructureBytes;

/**
 * {@code struct ext4_super_block}, 1024 bytes at offset 1024: the fields that matter here, as they stand on disk. What they add up to is
 * checked by {@link ExtGeometry}.
 *
 * @param inodeBytes 128 in revision 0
 * @param uuid the 16 bytes of {@code s_uuid}, in lower-case canonical notation; empty if they are all zero
 * @param checksumSeed where {@code metadata_csum} starts every checksum
 * @param uuidChecksum register of the {@code gdt_csum} checksum after the UUID
 */
record ExtSuperblock(
        long inodesCount,
        long blocksCount,
        long freeBlocksCount,
        long freeInodesCount,
        long firstDataBlock,
        int logBlockSize,
        int logClusterSize,
        long blocksPerGroup,
        long clustersPerGroup,
        long inodesPerGroup,
        int state,
        int inodeBytes,
        ExtFeatures features,
        String uuid,
        String volumeName,
        int reservedGdtBlocks,
        long journalInum,
        boolean journalElsewhere,
        long lastOrphan,
        int descSize,
        long firstMetaBg,
        long mmpBlock,
        long flags,
        long backupGroup0,
        long backupGroup1,
        int checksumSeed,
        int uuidChecksum) {
    static final String STRUCTURE = "ext4_super_block";
    static final long OFFSET_BYTES = 1024;
    static final int LENGTH_BYTES = 1024;
    static final int MAGIC_AT = 0x38;
    static final int MAGIC = 0xEF53;
    static final int LOG_BLOCK_SIZE_AT = 0x18;
    static final int MOST_LOG_BLOCK_SIZE = 6;

    static final String NEEDS_RECOVERY = "the journal needs recovery: not cleanly unmounted";

    private static final int CHECKSUM_TYPE_CRC32C = 1;
    private static final int STATE_VALID = 0x1;
    private static final int STATE_ERROR = 0x2;
    private static final int STATE_ORPHAN = 0x4;
    private static final int FLAG_TEST_FILESYSTEM = 0x4;
    private static final int FLAGS_SNAPSHOT = 0x70;

    /**
     * Reads and checks the superblock: its magic number, its checksum, and the fields that decide how others are read.
     *
     * @throws virtshrink.block.CorruptStructureException if any of them contradicts the format
     */
    static ExtSuperblock parse(StructureBytes bytes) {
        long inodesCount = bytes.u32le(0x0);
        long blocksCountLo = bytes.u32le(0x4);
        long freeBlocksCountLo = bytes.u32le(0xC);
        long freeInodesCount = bytes.u32le(0x10);
        long firstDataBlock = bytes.u32le(0x14);
        long logBlockSize = bytes.u32le(LOG_BLOCK_SIZE_AT);
        long logClusterSize = bytes.u32le(0x1C);
        long blocksPerGroup = bytes.u32le(0x20);
        long clustersPerGroup = bytes.u32le(0x24);
        long inodesPerGroup = bytes.u32le(0x28);
        int magic = bytes.u16le(MAGIC_AT);
        int state = bytes.u16le(0x3A);
        long revLevel = bytes.u32le(0x4C);
        int inodeSize = bytes.u16le(0x58);
        ExtFeatures features = new ExtFeatures(bytes.u32le(0x5C), bytes.u32le(0x60), bytes.u32le(0x64));
        byte[] uuid = bytes.bytes(0x68, 16);
        String volumeName = bytes.text(0x78, 16, UTF_8);
        int reservedGdtBlocks = bytes.u16le(0xCE);
        byte[] journalUuid = bytes.bytes(0xD0, 16);
        long journalInum = bytes.u32le(0xE0);
        long journalDev = bytes.u32le(0xE4);
        long lastOrphan = bytes.u32le(0xE8);
        int descSize = bytes.u16le(0xFE);
        long firstMetaBg = bytes.u32le(0x104);
        long blocksCountHi = bytes.u32le(0x150);
        long freeBlocksCountHi = bytes.u32le(0x158);
        long flags = bytes.u32le(0x160);
        long mmpBlock = bytes.i64le(0x168);
        int checksumType = bytes.u8(0x175);
        long backupGroup0 = bytes.u32le(0x24C);
        long backupGroup1 = bytes.u32le(0x250);
        int checksumSeed = (int) bytes.u32le(0x270);
        int checksum = (int) bytes.u32le(0x3FC);

        require(magic == MAGIC, bytes, MAGIC_AT, () -> "magic number 0x%x, expected 0x%x".formatted(magic, MAGIC));
        if (features.hasRoCompat(ExtFeatures.RO_COMPAT_METADATA_CSUM)) {
            require(
                    checksumType == CHECKSUM_TYPE_CRC32C,
                    bytes,
                    0x175,
                    () -> "unknown checksum algorithm %d, expected %d (crc32c)"
                            .formatted(checksumType, CHECKSUM_TYPE_CRC32C));
            int computed = Crc32c.update(-1, bytes.bytes(0, 0x3FC));
            require(
                    computed == checksum,
                    bytes,
                    0x3FC,
                    () -> "checksum 0x%08x does not match the content's 0x%08x".formatted(checksum, computed));
        }
        require(revLevel <= 1, bytes, 0x4C, () -> "unknown revision %d".formatted(revLevel));
        require(
                revLevel == 1 || features.isEmpty(),
                bytes,
                0x5C,
                () -> "revision 0 has no feature words, but they are set");
        require(
                logBlockSize <= MOST_LOG_BLOCK_SIZE,
                bytes,
                LOG_BLOCK_SIZE_AT,
                () -> "log block size %d".formatted(logBlockSize));
        require(
                logClusterSize >= logBlockSize && logClusterSize <= 19,
                bytes,
                0x1C,
                () -> "log cluster size %d with log block size %d".formatted(logClusterSize, logBlockSize));
        boolean wide = features.hasIncompat(ExtFeatures.INCOMPAT_64BIT);
        boolean ownSeed = features.hasIncompat(ExtFeatures.INCOMPAT_CSUM_SEED);
        require(
                !ownSeed || features.hasRoCompat(ExtFeatures.RO_COMPAT_METADATA_CSUM),
                bytes,
                0x60,
                () -> "metadata_csum_seed without metadata_csum");
        return new ExtSuperblock(
                inodesCount,
                wide ? positive(blocksCountLo | blocksCountHi << 32, bytes, 0x150) : blocksCountLo,
                wide ? positive(freeBlocksCountLo | freeBlocksCountHi << 32, bytes, 0x158) : freeBlocksCountLo,
                freeInodesCount,
                firstDataBlock,
                (int) logBlockSize,
                (int) logClusterSize,
                blocksPerGroup,
                clustersPerGroup,
                inodesPerGroup,
                state,
                revLevel == 0 ? 128 : inodeSize,
                features,
                isZero(uuid) ? "" : canonical(uuid),
                volumeName,
                reservedGdtBlocks,
                journalInum,
                journalDev != 0 || !isZero(journalUuid),
                lastOrphan,
                descSize,
                firstMetaBg,
                mmpBlock,
                flags,
                backupGroup0,
                backupGroup1,
                ownSeed ? checksumSeed : Crc32c.update(-1, uuid),
                Crc16.update(0xffff, uuid, 0, uuid.length));
    }

    /** Whether this is no filesystem but the external journal of one; such a superblock says nothing of free space or cleanliness. */
    boolean isJournalDevice() {
        return features.hasIncompat(ExtFeatures.INCOMPAT_JOURNAL_DEV);
    }

    /** The type as {@code blkid(8)} names it. */
    String type() {
        if (isJournalDevice()) {
            return "jbd";
        } else if (features.needExt4()) {
            return (flags & FLAG_TEST_FILESYSTEM) != 0 ? "ext4dev" : "ext4";
        }
        return features.hasCompat(ExtFeatures.COMPAT_HAS_JOURNAL) ? "ext3" : "ext2";
    }

    int blockBytes() {
        return 1024 << logBlockSize;
    }

    /** Whether the journal is to be replayed before anything else may be believed. */
    boolean needsRecovery() {
        return features.hasIncompat(ExtFeatures.INCOMPAT_RECOVER);
    }

    /** What to say of that where no journal is replayed. */
    String whyNeedsRecovery() {
        boolean possible = whyUnsupported().isEmpty() && !features.hasCompat(ExtFeatures.COMPAT_FAST_COMMIT);
        return NEEDS_RECOVERY + "; start the guest and shut it down"
                + (possible ? " (or replay-journals would read it as it will be after that)" : "");
    }

    /** What the superblock alone knows of a guest that did not finish; the journal and the MMP block may know more. */
    Optional<String> whyDirty() {
        if (needsRecovery()) {
            return Optional.of(NEEDS_RECOVERY);
        } else if ((state & STATE_ERROR) != 0) {
            return Optional.of("marked as containing errors: needs e2fsck");
        } else if ((state & STATE_VALID) == 0) {
            return Optional.of("not cleanly unmounted: start the guest and shut it down");
        } else if (features.hasRoCompat(ExtFeatures.RO_COMPAT_ORPHAN_PRESENT)) {
            return Optional.of("the orphan file is in use: deleted files wait for their clean-up at the next mount; "
                    + "start the guest and shut it down");
        } else if (lastOrphan != 0 || (state & STATE_ORPHAN) != 0) {
            return Optional.of(
                    "the list of orphan inodes is in use: deleted files wait for their clean-up at the next mount; "
                            + "start the guest and shut it down");
        } else if (state != STATE_VALID) {
            return Optional.of("state 0x%x is not simply clean".formatted(state));
        }
        return Optional.empty();
    }

    /**
     * What a replayed journal does not make good. The kernel leaves the state of a journaled filesystem at clean while it is mounted; orphans,
     * in a list or a file, are files whose blocks are still marked used and only become fewer when they are cleaned up.
     */
    Optional<String> whyDirtyAfterReplay() {
        if ((state & STATE_ERROR) != 0) {
            return Optional.of("marked as containing errors: needs e2fsck");
        } else if (state != STATE_VALID) {
            return Optional.of("state 0x%x is not simply clean".formatted(state));
        }
        return Optional.empty();
    }

    /** What is declared here and not supported. */
    Optional<String> whyUnsupported() {
        return features.whyUnsupported()
                .or(() -> (flags & FLAGS_SNAPSHOT) == 0
                        ? Optional.empty()
                        : Optional.of("snapshot image (s_flags 0x%x)".formatted(flags)))
                .or(() -> features.hasCompat(ExtFeatures.COMPAT_HAS_JOURNAL) && journalInum == 0 && journalElsewhere
                        ? Optional.of("its journal lies on another device")
                        : Optional.empty());
    }

    private static long positive(long value, StructureBytes bytes, int at) {
        require(value >= 0, bytes, at, () -> "count out of range");
        return value;
    }

    private static void require(boolean condition, StructureBytes bytes, int at, Supplier<String> reason) {
        if (!condition) {
            throw bytes.corrupt(at, reason.get());
        }
    }

    private static boolean isZero(byte[] bytes) {
        int any = 0;
        for (byte b : bytes) {
            any |= b;
        }
        return any == 0;
    }

    private static String canonical(byte[] uuid) {
        String hex = HexFormat.of().formatHex(uuid);
        return String.join(
                "-",
                hex.substring(0, 8),
                hex.substring(8, 12),
                hex.substring(12, 16),
                hex.substring(16, 20),
                hex.substring(20));
    }
}
