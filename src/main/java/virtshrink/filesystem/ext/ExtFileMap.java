package virtshrink.filesystem.ext;

import java.io.IOException;
import java.util.Arrays;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.block.StructureBytes;

/** Where every block of a file without holes lies, as runs of blocks that follow one another. */
final class ExtFileMap {
    /** Twelve bytes each. */
    private static final int MOST_RUNS = 1 << 18;

    private static final int MOST_TREE_BLOCKS = 1 << 16;

    private static final String EXTENT_TREE = "ext4_extent_header";
    private static final int EXTENT_MAGIC = 0xF30A;
    private static final int ENTRY_BYTES = 12;
    private static final int TAIL_BYTES = 4;
    private static final int MOST_DEPTH = 5;
    private static final int MOST_EXTENT_BLOCKS = 32768;

    private static final int DIRECT_BLOCKS = 12;
    private static final int INDIRECT_LEVELS = 3;

    private final BlockSource volume;
    private final ExtGeometry geometry;
    private final ExtChecksums checksums;
    private final ExtInode inode;
    private final long wanted;
    private final RangeSet.Builder inUse = RangeSet.builder();
    private int[] runStart = new int[16];
    private long[] runPlace = new long[16];
    private int runs;
    private int treeBlocks;
    /** The first block of the file whose place is not yet known. */
    private long next;

    private ExtFileMap(BlockSource volume, ExtGeometry geometry, ExtChecksums checksums, ExtInode inode, long wanted) {
        this.volume = volume;
        this.geometry = geometry;
        this.checksums = checksums;
        this.inode = inode;
        this.wanted = wanted;
    }

    /**
     * Follows the map of a file's first blocks.
     *
     * @param blocks at least one, at most {@link Integer#MAX_VALUE}
     * @throws virtshrink.block.CorruptStructureException if the map is broken, leaves the filesystem, or has holes or unwritten blocks there
     */
    static ExtFileMap read(
            BlockSource volume, ExtGeometry geometry, ExtChecksums checksums, ExtInode inode, long blocks)
            throws IOException {
        ExtFileMap map = new ExtFileMap(volume, geometry, checksums, inode, blocks);
        if (inode.hasExtents()) {
            map.addTree(inode.iBlock(), -1, 0, 1L << 32);
        } else {
            map.addPointers();
        }
        if (map.next < blocks) {
            throw inode.iBlock().corrupt(0, "only %d of %d blocks have a place".formatted(map.next, blocks));
        }
        return map;
    }

    /** The place of a block of the file, from the start of the volume in blocks. */
    long place(long block) {
        int run = runOf(block);
        return runPlace[run] + (block - runStart[run]);
    }

    /** How many blocks of the file follow one another on the volume, beginning with this one. */
    long contiguous(long block) {
        int run = runOf(block);
        return (run + 1 < runs ? runStart[run + 1] : next) - block;
    }

    /** All these blocks and those that hold the map, in bytes. */
    RangeSet inUse() {
        return inUse.build();
    }

    private int runOf(long block) {
        int found = Arrays.binarySearch(runStart, 0, runs, Math.toIntExact(block));
        return found >= 0 ? found : -found - 2;
    }

    /**
     * @param depth that the node has to have; -1 for the root, which says it itself
     * @param from the first block of the file that may be found here
     * @param to the block behind the last
     */
    private void addTree(StructureBytes node, int depth, long from, long to) throws IOException {
        int magic = node.u16le(0);
        int entries = node.u16le(2);
        int most = node.u16le(4);
        int level = node.u16le(6);
        int room = (node.length() - (depth < 0 ? 0 : TAIL_BYTES)) / ENTRY_BYTES - 1;
        if (magic != EXTENT_MAGIC
                || most > room
                || entries > most
                || entries == 0
                || level > MOST_DEPTH
                || (depth >= 0 && level != depth)) {
            throw node.corrupt(
                    0, "magic number 0x%x, %d of %d entries, depth %d".formatted(magic, entries, most, level));
        }
        if (depth >= 0 && !checksums.extentBlockMatches(node, ENTRY_BYTES * (most + 1), inode)) {
            throw node.corrupt(ENTRY_BYTES * (most + 1), "checksum does not match");
        }
        for (int i = 0; i < entries && next < wanted; i++) {
            int at = ENTRY_BYTES * (i + 1);
            long first = node.u32le(at);
            long end = i + 1 < entries ? node.u32le(at + ENTRY_BYTES) : to;
            if (first < from || end <= first || end > to) {
                throw node.corrupt(at, "blocks from %d to %d within %d to %d".formatted(first, end, from, to));
            }
            if (level == 0) {
                addExtent(node, at, first, end);
            } else {
                long place = node.u32le(at + 4) | (long) node.u16le(at + 8) << 32;
                addTree(child(node, at, place), level - 1, first, end);
            }
        }
    }

    private void addExtent(StructureBytes leaf, int at, long first, long end) {
        int length = leaf.u16le(at + 4);
        long place = leaf.u32le(at + 8) | (long) leaf.u16le(at + 6) << 32;
        if (length == 0 || length > MOST_EXTENT_BLOCKS || length > end - first) {
            throw leaf.corrupt(at + 4, "unwritten or overlapping extent of length %d".formatted(length));
        }
        add(leaf, at, first, place, length);
    }

    private void addPointers() throws IOException {
        StructureBytes direct = inode.iBlock();
        for (int i = 0; i < DIRECT_BLOCKS && next < wanted; i++) {
            add(direct, i * Integer.BYTES, next, direct.u32le(i * Integer.BYTES), 1);
        }
        for (int level = 1; level <= INDIRECT_LEVELS && next < wanted; level++) {
            int at = (DIRECT_BLOCKS + level - 1) * Integer.BYTES;
            addIndirect(child(direct, at, direct.u32le(at)), level);
        }
    }

    private void addIndirect(StructureBytes pointers, int level) throws IOException {
        for (int at = 0; at < pointers.length() && next < wanted; at += Integer.BYTES) {
            long place = pointers.u32le(at);
            if (level == 1) {
                add(pointers, at, next, place, 1);
            } else {
                addIndirect(child(pointers, at, place), level - 1);
            }
        }
    }

    private StructureBytes child(StructureBytes parent, int at, long place) throws IOException {
        if (++treeBlocks > MOST_TREE_BLOCKS) {
            throw parent.corrupt(at, "the map of this file takes more than %d blocks".formatted(MOST_TREE_BLOCKS));
        }
        checkPlace(parent, at, place, 1);
        long offsetBytes = place * geometry.blockBytes();
        inUse.add(offsetBytes, geometry.blockBytes());
        return new StructureBytes(
                inode.hasExtents() ? EXTENT_TREE : "indirect block",
                offsetBytes,
                volume.read(offsetBytes, geometry.blockBytes()));
    }

    private void add(StructureBytes where, int at, long first, long place, int length) {
        if (first != next) {
            throw where.corrupt(at, "a hole at block %d of the file".formatted(next));
        }
        checkPlace(where, at, place, length);
        boolean follows = runs > 0 && runPlace[runs - 1] + (next - runStart[runs - 1]) == place;
        if (!follows) {
            if (runs == MOST_RUNS) {
                throw where.corrupt(at, "a file in more than %d pieces".formatted(MOST_RUNS));
            } else if (runs == runStart.length) {
                runStart = Arrays.copyOf(runStart, 2 * runs);
                runPlace = Arrays.copyOf(runPlace, 2 * runs);
            }
            runStart[runs] = Math.toIntExact(next);
            runPlace[runs] = place;
            runs++;
        }
        next += length;
        inUse.add(ByteRange.between(place * geometry.blockBytes(), (place + length) * geometry.blockBytes()));
    }

    private void checkPlace(StructureBytes where, int at, long place, int length) {
        if (place <= geometry.superblock().firstDataBlock() || place > geometry.blocks() - length) {
            throw where.corrupt(
                    at,
                    "blocks %d to %d are not within the filesystem's %d"
                            .formatted(place, place + length - 1, geometry.blocks()));
        }
    }
}
