package virtshrink.filesystem.ext;

import java.util.Optional;
import virtshrink.block.Crc32c;
import virtshrink.block.StructureBytes;

/**
 * {@code struct journal_superblock_s} of jbd2, big-endian, in the first block of the journal.
 *
 * @param maxLen {@code s_maxlen}: blocks of the journal, this one included
 * @param first {@code s_first}: the first block of the log, to which it returns from its end
 * @param sequence {@code s_sequence}: the transaction that is expected at {@code start}; a 32-bit number that overflows
 * @param start {@code s_start}: where the oldest transaction begins; 0 if there is none
 * @param errno {@code s_errno}: the error for which the journal was aborted
 * @param features none in version 1
 * @param checksumType {@code s_checksum_type}
 * @param users {@code s_nr_users}: filesystems that share the journal; 0 or 1 inside of one
 * @param checksumSeed where crc32c of the log's blocks starts
 * @param versionOneWithFeatures version 1, but the fields that only version 2 has are set
 */
record ExtJournalSuperblock(
        long blockSize,
        long maxLen,
        long first,
        int sequence,
        long start,
        int errno,
        ExtJournalFeatures features,
        int checksumType,
        long users,
        int checksumSeed,
        boolean versionOneWithFeatures) {
    static final String STRUCTURE = "journal_superblock_s";
    static final int LENGTH_BYTES = 1024;
    static final long MAGIC = 0xC03B3998L;

    private static final long SUPERBLOCK_V1 = 3;
    private static final long SUPERBLOCK_V2 = 4;
    private static final int CHECKSUM_TYPE_CRC32C = 4;

    /** JBD2_MIN_JOURNAL_BLOCKS, below which no kernel uses a journal, and JBD2_MAX_JOURNAL_BLOCKS, above which none is made. */
    private static final long LEAST_BLOCKS = 1024;

    private static final long MOST_BLOCKS = 10_240_000;

    static ExtJournalSuperblock parse(StructureBytes bytes) {
        long magic = bytes.u32be(0x0);
        long blockType = bytes.u32be(0x4);
        long blockSize = bytes.u32be(0xC);
        long maxLen = bytes.u32be(0x10);
        long first = bytes.u32be(0x14);
        int sequence = (int) bytes.u32be(0x18);
        long start = bytes.u32be(0x1C);
        int errno = (int) bytes.u32be(0x20);
        long compat = bytes.u32be(0x24);
        long incompat = bytes.u32be(0x28);
        long roCompat = bytes.u32be(0x2C);
        byte[] uuid = bytes.bytes(0x30, 16);
        long users = bytes.u32be(0x40);
        int checksumType = bytes.u8(0x50);
        int checksum = (int) bytes.u32be(0xFC);
        if (magic != MAGIC) {
            throw bytes.corrupt(0x0, "magic number 0x%x, expected 0x%x".formatted(magic, MAGIC));
        }
        if (blockType != SUPERBLOCK_V1 && blockType != SUPERBLOCK_V2) {
            throw bytes.corrupt(0x4, "block type %d is not a superblock".formatted(blockType));
        }
        boolean versionOne = blockType == SUPERBLOCK_V1;
        ExtJournalFeatures features =
                versionOne ? new ExtJournalFeatures(0, 0, 0) : new ExtJournalFeatures(compat, incompat, roCompat);
        if (features.hasBlockChecksums()) {
            byte[] content = bytes.bytes(0, LENGTH_BYTES);
            content[0xFC] = 0;
            content[0xFD] = 0;
            content[0xFE] = 0;
            content[0xFF] = 0;
            if (Crc32c.update(-1, content) != checksum) {
                throw bytes.corrupt(0xFC, "checksum does not match");
            }
        }
        return new ExtJournalSuperblock(
                blockSize,
                maxLen,
                first,
                sequence,
                start,
                errno,
                features,
                checksumType,
                users,
                Crc32c.update(-1, uuid),
                versionOne && (compat | incompat | roCompat | users) != 0);
    }

    /**
     * What the journal knows of a guest that did not finish, although the filesystem's superblock does not ask for recovery. The kernel would
     * discard such a journal, e2fsck replay it: then nobody can say what is free. Fast commits belong to a transaction that a non-zero start
     * announces.
     */
    Optional<String> whyDirty() {
        if (start != 0) {
            return Optional.of("the journal holds transactions although no recovery is announced: needs e2fsck");
        }
        return whyAborted();
    }

    /**
     * Why it cannot be foretold what a replay of this journal will do: kernels of all versions and e2fsck have to agree on it.
     *
     * @param blocks of the file that is the journal
     */
    Optional<String> whyNotReplayable(long blocks) {
        Optional<String> reason = whyAborted().or(features::whyNotReplayable);
        if (reason.isPresent()) {
            return reason;
        } else if (versionOneWithFeatures) {
            return Optional.of("its superblock is of version 1 and has fields of version 2");
        } else if (users > 1) {
            return Optional.of("%d filesystems share it".formatted(users));
        } else if (features.hasBlockChecksums() && checksumType != CHECKSUM_TYPE_CRC32C) {
            return Optional.of("unknown checksum algorithm %d".formatted(checksumType));
        } else if (maxLen < LEAST_BLOCKS || maxLen > MOST_BLOCKS || maxLen > blocks) {
            return Optional.of("it says to have %d blocks, its file has %d".formatted(maxLen, blocks));
        } else if (first == 0 || first >= maxLen || (start != 0 && (start < first || start >= maxLen))) {
            return Optional.of("its log begins at block %d of %d to %d".formatted(start, first, maxLen));
        }
        return Optional.empty();
    }

    private Optional<String> whyAborted() {
        return errno == 0
                ? Optional.empty()
                : Optional.of("the journal was aborted with error %d: needs e2fsck".formatted(errno));
    }
}
