package virtshrink.filesystem.ext;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.Crc32c;
import virtshrink.block.StructureBytes;

/**
 * Reads the log of a journal from its oldest transaction to its end, as the recovery of jbd2 does, and notes what it would write.
 *
 * <p>The log ends at the first block that does not continue it: no magic number, or another sequence number. What was read of a transaction
 * without a commit block is dropped. jbd2 goes over the log three times; once is enough here, because a transaction is not taken up before its commit block is
 * found, and what it revokes concerns only itself and those before it.
 *
 * <p>Kernels of different versions and e2fsck treat a checksum that does not match in different ways: they fail, end the log there, or
 * leave out that block. None of this is guessed at: such a journal is corrupt here, even where only an unfinished transaction is concerned.
 * The one exception is what {@code async_commit} provides for: that the last commit block came to the disk and not all that it commits.
 */
final class ExtJournalScan {
    private static final String HEADER = "journal_header_s";
    private static final String DESCRIPTOR = "jbd2 descriptor block";
    private static final String REVOKE = "jbd2_journal_revoke_header_s";
    private static final String COMMIT = "commit_header";

    private static final int DESCRIPTOR_BLOCK = 1;
    private static final int COMMIT_BLOCK = 2;
    private static final int REVOKE_BLOCK = 5;

    private static final int HEADER_BYTES = 12;
    private static final int REVOKE_HEADER_BYTES = 16;
    private static final int TAIL_BYTES = 4;
    private static final int UUID_BYTES = 16;
    private static final int COMMIT_CHECKSUM_AT = 0x10;
    private static final int CRC32_CHKSUM = 1;

    private static final int FLAG_ESCAPE = 0x1;
    private static final int FLAG_SAME_UUID = 0x2;
    private static final int FLAG_LAST_TAG = 0x8;

    private final ExtJournalLog log;
    private final ExtJournalFeatures features;
    private final int checksumSeed;
    private final int blockBytes;
    private final long blocks;
    private final ExtReplayedBlocks replayed = new ExtReplayedBlocks();

    private long position;
    private int sequence;
    private int transactions;
    private long[] revoked = new long[64];
    private int revokedCount;
    private int transactionChecksum = -1;
    /** A logged block of the current transaction that is not what its tag says; of no meaning unless a commit follows. */
    private Optional<CorruptStructureException> broken = Optional.empty();

    private ExtJournalScan(ExtJournalLog log, ExtJournalSuperblock superblock, ExtGeometry geometry) {
        this.log = log;
        this.features = superblock.features();
        this.checksumSeed = superblock.checksumSeed();
        this.blockBytes = geometry.blockBytes();
        this.blocks = geometry.blocks();
        this.sequence = superblock.sequence();
    }

    /** @param transactions that are complete */
    record Result(int transactions, ExtReplayedBlocks blocks) {}

    /**
     * @param superblock of a journal that may be replayed and whose {@code s_start} is not zero
     * @param geometry of the filesystem to which the blocks belong
     * @throws CorruptStructureException if a recovery could not go to the log's end, or might be done in more than one way
     */
    static Result run(ExtJournalLog log, ExtJournalSuperblock superblock, ExtGeometry geometry) throws IOException {
        ExtJournalScan scan = new ExtJournalScan(log, superblock, geometry);
        boolean goesOn = scan.step();
        while (goesOn) {
            goesOn = scan.step();
        }
        scan.replayed.finish();
        return new Result(scan.transactions, scan.replayed);
    }

    /** Reads one block that describes the log, and what it describes. */
    private boolean step() throws IOException {
        if (position >= log.length()) {
            // A log is never full; one transaction all around would be read for ever.
            throw log.structure(HEADER, position).corrupt(0, "the log does not end");
        }
        if (!continuesWith(position, sequence)) {
            return false;
        }
        StructureBytes header = log.structure(HEADER, position);
        long blockType = header.u32be(0x4);
        if (blockType == DESCRIPTOR_BLOCK) {
            readDescriptor(log.structure(DESCRIPTOR, position));
        } else if (blockType == REVOKE_BLOCK) {
            readRevoke(log.structure(REVOKE, position));
            position++;
        } else if (blockType == COMMIT_BLOCK) {
            return readCommit(log.structure(COMMIT, position));
        } else {
            throw header.corrupt(0x4, "unknown block type %d in the log".formatted(blockType));
        }
        return true;
    }

    private boolean continuesWith(long at, int expectedSequence) throws IOException {
        ByteBuffer header = log.block(at).order(ByteOrder.BIG_ENDIAN);
        return header.getInt(0) == (int) ExtJournalSuperblock.MAGIC && header.getInt(0x8) == expectedSequence;
    }

    private void readDescriptor(StructureBytes descriptor) throws IOException {
        checkTail(descriptor);
        sumUp(descriptor.bytes(0, blockBytes));
        position++;
        int end = blockBytes - (features.hasBlockChecksums() ? TAIL_BYTES : 0);
        int at = HEADER_BYTES;
        int flags = 0;
        while ((flags & FLAG_LAST_TAG) == 0) {
            if (at + features.tagBytes() > end) {
                throw descriptor.corrupt(at, "no tag says to be the last");
            }
            flags = readTag(descriptor, at);
            at += features.tagBytes() + ((flags & FLAG_SAME_UUID) == 0 ? UUID_BYTES : 0);
        }
    }

    /** {@code journal_block_tag_s} or {@code journal_block_tag3_s}, and the block that it stands for. */
    private int readTag(StructureBytes descriptor, int at) throws IOException {
        boolean three = features.hasVersion3Tags();
        long blocknr = descriptor.u32be(at);
        int checksum = three ? (int) descriptor.u32be(at + 12) : descriptor.u16be(at + 4);
        long flags = three ? descriptor.u32be(at + 4) : descriptor.u16be(at + 6);
        if (features.hasWideBlockNumbers()) {
            blocknr |= descriptor.u32be(at + 8) << 32;
        }
        if ((flags & ~(FLAG_ESCAPE | FLAG_SAME_UUID | FLAG_LAST_TAG)) != 0) {
            throw descriptor.corrupt(at, "unknown flags 0x%x".formatted(flags));
        }
        checkBlock(descriptor, at, blocknr);
        if (position >= log.length()) {
            throw descriptor.corrupt(at, "a transaction larger than the log");
        }
        if (features.hasBlockChecksums()) {
            int crc = Crc32c.update(
                    Crc32c.update(
                            checksumSeed,
                            ByteBuffer.allocate(Integer.BYTES).putInt(sequence).flip()),
                    log.block(position));
            if (broken.isEmpty() && (three ? crc : crc & 0xffff) != checksum) {
                broken = Optional.of(descriptor.corrupt(
                        at, "the checksum of block %d does not match in the log".formatted(blocknr)));
            }
        } else if (features.hasTransactionChecksum()) {
            byte[] logged = new byte[blockBytes];
            log.block(position).get(logged);
            sumUp(logged);
        }
        if (!replayed.addLogged(blocknr, position, (flags & FLAG_ESCAPE) != 0)) {
            throw tooMany(descriptor, at);
        }
        position++;
        return (int) flags;
    }

    private void readRevoke(StructureBytes revoke) {
        checkTail(revoke);
        long count = revoke.u32be(HEADER_BYTES);
        int recordBytes = features.hasWideBlockNumbers() ? 8 : 4;
        if (count < REVOKE_HEADER_BYTES
                || count > blockBytes - (features.hasBlockChecksums() ? TAIL_BYTES : 0)
                || (count - REVOKE_HEADER_BYTES) % recordBytes != 0) {
            throw revoke.corrupt(HEADER_BYTES, "%d bytes in use".formatted(count));
        }
        for (int at = REVOKE_HEADER_BYTES; at < count; at += recordBytes) {
            long block = recordBytes == 8 ? revoke.u63be(at) : revoke.u32be(at);
            checkBlock(revoke, at, block);
            if (revokedCount == revoked.length) {
                if (revokedCount >= ExtReplayedBlocks.MOST_ENTRIES) {
                    throw tooMany(revoke, at);
                }
                revoked = Arrays.copyOf(revoked, 2 * revokedCount);
            }
            revoked[revokedCount++] = block;
        }
    }

    private boolean readCommit(StructureBytes commit) throws IOException {
        if (!commitMatches(commit)) {
            boolean last = position + 1 == log.length() || !continuesWith(position + 1, sequence + 1);
            if (features.hasTransactionChecksum() && features.hasAsyncCommit() && last) {
                return false;
            }
            throw commit.corrupt(
                    COMMIT_CHECKSUM_AT,
                    "checksum of transaction %d does not match".formatted(Integer.toUnsignedLong(sequence)));
        }
        if (broken.isPresent()) {
            throw broken.get();
        }
        for (int i = 0; i < revokedCount; i++) {
            if (!replayed.addRevoked(revoked[i], position)) {
                throw tooMany(commit, 0);
            }
        }
        replayed.commit();
        revokedCount = 0;
        transactionChecksum = -1;
        transactions++;
        sequence++;
        position++;
        // Transactions all around the log: what follows is the oldest one, whose number is another.
        return position < log.length();
    }

    private boolean commitMatches(StructureBytes commit) {
        int type = commit.u8(0xC);
        int size = commit.u8(0xD);
        int checksum = (int) commit.u32be(COMMIT_CHECKSUM_AT);
        if (features.hasBlockChecksums()) {
            byte[] content = commit.bytes(0, blockBytes);
            Arrays.fill(content, COMMIT_CHECKSUM_AT, COMMIT_CHECKSUM_AT + Integer.BYTES, (byte) 0);
            return Crc32c.update(checksumSeed, content) == checksum;
        } else if (features.hasTransactionChecksum()) {
            boolean unused = type == 0 && size == 0 && checksum == 0;
            return unused || (type == CRC32_CHKSUM && size == Integer.BYTES && checksum == transactionChecksum);
        }
        return true;
    }

    /** {@code jbd2_journal_block_tail}. */
    private void checkTail(StructureBytes block) {
        if (!features.hasBlockChecksums()) {
            return;
        }
        int at = blockBytes - TAIL_BYTES;
        byte[] content = block.bytes(0, blockBytes);
        Arrays.fill(content, at, blockBytes, (byte) 0);
        if (Crc32c.update(checksumSeed, content) != (int) block.u32be(at)) {
            throw block.corrupt(
                    at, "checksum does not match in transaction %d".formatted(Integer.toUnsignedLong(sequence)));
        }
    }

    private void sumUp(byte[] content) {
        if (features.hasTransactionChecksum()) {
            transactionChecksum = Crc32Be.update(transactionChecksum, content);
        }
    }

    private void checkBlock(StructureBytes where, int at, long block) {
        if (block < 0 || block >= blocks) {
            throw where.corrupt(at, "block %d is not within the filesystem's %d".formatted(block, blocks));
        }
    }

    private static CorruptStructureException tooMany(StructureBytes where, int at) {
        return where.corrupt(
                at,
                "the log holds more than %d blocks, which are not supported".formatted(ExtReplayedBlocks.MOST_ENTRIES));
    }
}
