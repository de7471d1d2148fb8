package virtshrink.filesystem.f2fs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.RangeSet;

/**
 * The segment information table: one entry for each segment of the main area, with a bit for each of its blocks that holds something. Of each
 * block of the table there are two copies, of which the checkpoint's version bitmap names the one that counts; the newest few entries are only
 * in a journal within the checkpoint.
 *
 * <p>No checksum covers it. Each entry has the number of its bits, and the checkpoint those of all valid blocks, of all valid nodes, and of
 * all segments that are empty.
 */
final class F2fsSit {
    static final String STRUCTURE = "f2fs_sit_entry";
    static final int ENTRIES_PER_BLOCK = 55;

    /** {@code SUM_ENTRIES_SIZE}, and what is left of a summary block for a journal. */
    static final int SUMMARY_ENTRIES_BYTES = 512 * 7;

    static final int JOURNAL_BYTES = 4096 - SUMMARY_ENTRIES_BYTES - 5;

    private static final int ENTRY_BYTES = 74;
    private static final int VALID_MAP_AT = 2;
    private static final int VALID_MAP_BYTES = 64;
    private static final int VBLOCKS_BITS = 10;
    private static final int TYPES = 6;
    private static final int FIRST_NODE_TYPE = 3;
    private static final int PIECE_BLOCKS = 256;
    private static final int MOST_RANGES = 1 << 19;
    /** So many, a gigabyte, can be read. */
    private static final int MOST_NODES = 1 << 18;

    private final F2fsSuperblock superblock;
    private final F2fsCheckpoint checkpoint;
    private final Map<Long, ByteBuffer> journal = new HashMap<>();
    private final RangeSet.Builder free = RangeSet.builder(MOST_RANGES);
    private final RangeSet.Builder nodes = RangeSet.builder();
    private long validBlocks;
    private long validNodes;
    private long freeSegments;

    private F2fsSit(F2fsSuperblock superblock, F2fsCheckpoint checkpoint) {
        this.superblock = superblock;
        this.checkpoint = checkpoint;
    }

    /**
     * @throws CorruptStructureException if an entry contradicts itself, or all together the checkpoint
     */
    static F2fsSit read(BlockSource volume, F2fsSuperblock superblock, F2fsCheckpoint checkpoint) throws IOException {
        F2fsSit sit = new F2fsSit(superblock, checkpoint);
        sit.readJournal(volume);
        sit.readTable(volume);
        sit.check("valid nodes", sit.validNodes, checkpoint.validNodeCount());
        sit.check("free segments", sit.freeSegments, checkpoint.freeSegmentCount());
        if (sit.validBlocks > checkpoint.validBlockCount()) {
            sit.check("valid blocks", sit.validBlocks, checkpoint.validBlockCount());
        }
        return sit;
    }

    /** Blocks of the main area that hold something. */
    long validBlocks() {
        return validBlocks;
    }

    /** All blocks of the main area that hold nothing; the ranges may be fewer. */
    long freeBytes() {
        return (superblock.segmentCountMain() * F2fsSuperblock.SEGMENT_BLOCKS - validBlocks)
                * F2fsSuperblock.BLOCK_BYTES;
    }

    /** From the start of the volume. */
    RangeSet free() {
        return free.build();
    }

    /** Every block that holds a node; empty if there are too many of them to be read. */
    Optional<RangeSet> nodes() {
        return validNodes > MOST_NODES ? Optional.empty() : Optional.of(nodes.build());
    }

    private void readJournal(BlockSource volume) throws IOException {
        long offset = checkpoint.sitJournalOffset();
        long block = offset / F2fsSuperblock.BLOCK_BYTES - checkpoint.startBlock();
        if (block < 1 || block > checkpoint.packBlocks() - 2) {
            throw new CorruptStructureException(
                    F2fsCheckpoint.STRUCTURE,
                    offset,
                    "its summary is in block %d of %d".formatted(block, checkpoint.packBlocks()));
        }
        ByteBuffer bytes = volume.read(offset, JOURNAL_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        int count = bytes.getChar(0);
        int entryBytes = Integer.BYTES + ENTRY_BYTES;
        if (count > (JOURNAL_BYTES - Short.BYTES) / entryBytes) {
            throw new CorruptStructureException("f2fs_journal", offset, "%d entries".formatted(count));
        }
        for (int entry = 0; entry < count; entry++) {
            int at = Short.BYTES + entry * entryBytes;
            long segment = bytes.getInt(at) & 0xFFFF_FFFFL;
            if (segment >= superblock.segmentCountMain()) {
                throw new CorruptStructureException(
                        "f2fs_journal",
                        offset + at,
                        "segment %d of %d".formatted(segment, superblock.segmentCountMain()));
            }
            ByteBuffer slice = bytes.slice(at + Integer.BYTES, ENTRY_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            if (journal.put(segment, slice) != null) {
                throw new CorruptStructureException(
                        "f2fs_journal", offset + at, "segment %d is there twice".formatted(segment));
            }
        }
    }

    private void readTable(BlockSource volume) throws IOException {
        long segments = superblock.segmentCountMain();
        long blocks = (segments + ENTRIES_PER_BLOCK - 1) / ENTRIES_PER_BLOCK;
        long secondCopy = superblock.segmentCountSit() / 2 * F2fsSuperblock.SEGMENT_BLOCKS;
        ByteBuffer[] copies = new ByteBuffer[2];
        for (long first = 0; first < blocks; first += PIECE_BLOCKS) {
            int count = (int) Math.min(PIECE_BLOCKS, blocks - first);
            for (int copy = 0; copy < 2; copy++) {
                copies[copy] = anyIn(first, count, copy)
                        ? volume.read(
                                        (superblock.sitBlkaddr() + copy * secondCopy + first)
                                                * F2fsSuperblock.BLOCK_BYTES,
                                        count * F2fsSuperblock.BLOCK_BYTES)
                                .order(ByteOrder.LITTLE_ENDIAN)
                        : ByteBuffer.allocate(0);
            }
            for (int index = 0; index < count; index++) {
                ByteBuffer table = copies[copyOf(first + index)];
                for (int entry = 0; entry < ENTRIES_PER_BLOCK; entry++) {
                    long segment = (first + index) * ENTRIES_PER_BLOCK + entry;
                    if (segment < segments) {
                        Optional<ByteBuffer> newest = Optional.ofNullable(journal.get(segment));
                        int at = index * F2fsSuperblock.BLOCK_BYTES + entry * ENTRY_BYTES;
                        add(segment, newest.orElse(table), newest.isPresent() ? 0 : at);
                    }
                }
            }
        }
    }

    private boolean anyIn(long first, int count, int copy) {
        for (int index = 0; index < count; index++) {
            if (copyOf(first + index) == copy) {
                return true;
            }
        }
        return false;
    }

    /** The bits of this format are counted from the most significant one. */
    private int copyOf(long block) {
        return (checkpoint.sitBitmap().u8((int) (block / 8)) >> (7 - block % 8)) & 1;
    }

    private void add(long segment, ByteBuffer table, int at) {
        int vblocks = table.getChar(at);
        int valid = vblocks & ((1 << VBLOCKS_BITS) - 1);
        int type = vblocks >>> VBLOCKS_BITS;
        int counted = 0;
        for (int word = 0; word < VALID_MAP_BYTES; word += Long.BYTES) {
            counted += Long.bitCount(table.getLong(at + VALID_MAP_AT + word));
        }
        if (counted != valid || type >= TYPES) {
            throw new CorruptStructureException(
                    STRUCTURE,
                    superblock.sitBlkaddr() * F2fsSuperblock.BLOCK_BYTES,
                    "%d blocks of segment %d are valid, it says %d (type %d)".formatted(counted, segment, valid, type));
        }
        validBlocks += valid;
        validNodes += type >= FIRST_NODE_TYPE ? valid : 0;
        long start = (superblock.mainBlkaddr() + segment * F2fsSuperblock.SEGMENT_BLOCKS) * F2fsSuperblock.BLOCK_BYTES;
        if (valid == 0) {
            freeSegments += checkpoint.isCurrent(segment) ? 0 : 1;
            free.add(start, (long) F2fsSuperblock.SEGMENT_BLOCKS * F2fsSuperblock.BLOCK_BYTES);
            return;
        }
        boolean holdsNodes = type >= FIRST_NODE_TYPE && validNodes <= MOST_NODES;
        if (valid == F2fsSuperblock.SEGMENT_BLOCKS && !holdsNodes) {
            return;
        }
        for (int block = 0; block < F2fsSuperblock.SEGMENT_BLOCKS; block++) {
            boolean used = ((table.get(at + VALID_MAP_AT + block / 8) >> (7 - block % 8)) & 1) != 0;
            if (!used) {
                free.add(start + (long) block * F2fsSuperblock.BLOCK_BYTES, F2fsSuperblock.BLOCK_BYTES);
            } else if (holdsNodes) {
                nodes.add(start + (long) block * F2fsSuperblock.BLOCK_BYTES, F2fsSuperblock.BLOCK_BYTES);
            }
        }
    }

    private void check(String what, long counted, long said) {
        if (counted != said) {
            throw new CorruptStructureException(
                    STRUCTURE,
                    superblock.sitBlkaddr() * F2fsSuperblock.BLOCK_BYTES,
                    "%d %s, the checkpoint says %d".formatted(counted, what, said));
        }
    }
}
