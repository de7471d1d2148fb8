package virtshrink.filesystem.ext;

import java.util.Optional;
import virtshrink.block.Crc32c;
import virtshrink.block.StructureBytes;

/**
 * {@code struct journal_superblock_s} of jbd2, big-endian, in the first block of the journal.
 *
 * @param start {@code s_start}: where the oldest transaction begins; 0 if there is none
 * @param errno {@code s_errno}: the error for which the journal was aborted
 */
record ExtJournalSuperblock(long blockSize, long start, int errno) {
    static final String STRUCTURE = "journal_superblock_s";
    static final int LENGTH_BYTES = 1024;

    private static final long MAGIC = 0xC03B3998L;
    private static final long SUPERBLOCK_V1 = 3;
    private static final long SUPERBLOCK_V2 = 4;
    private static final long INCOMPAT_CSUM_V2_OR_V3 = 0x8 | 0x10;

    static ExtJournalSuperblock parse(StructureBytes bytes) {
        long magic = bytes.u32be(0x0);
        long blockType = bytes.u32be(0x4);
        long blockSize = bytes.u32be(0xC);
        long start = bytes.u32be(0x1C);
        int errno = (int) bytes.u32be(0x20);
        long incompat = blockType == SUPERBLOCK_V1 ? 0 : bytes.u32be(0x28);
        int checksum = (int) bytes.u32be(0xFC);
        if (magic != MAGIC) {
            throw bytes.corrupt(0x0, "magic number 0x%x, expected 0x%x".formatted(magic, MAGIC));
        }
        if (blockType != SUPERBLOCK_V1 && blockType != SUPERBLOCK_V2) {
            throw bytes.corrupt(0x4, "block type %d is not a superblock".formatted(blockType));
        }
        if ((incompat & INCOMPAT_CSUM_V2_OR_V3) != 0) {
            byte[] content = bytes.bytes(0, LENGTH_BYTES);
            content[0xFC] = 0;
            content[0xFD] = 0;
            content[0xFE] = 0;
            content[0xFF] = 0;
            if (Crc32c.update(-1, content) != checksum) {
                throw bytes.corrupt(0xFC, "checksum does not match");
            }
        }
        return new ExtJournalSuperblock(blockSize, start, errno);
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
        return errno == 0
                ? Optional.empty()
                : Optional.of("the journal was aborted with error %d: needs e2fsck".formatted(errno));
    }
}
