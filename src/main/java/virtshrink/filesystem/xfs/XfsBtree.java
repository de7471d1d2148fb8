package virtshrink.filesystem.xfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;

/**
 * Walks a tree of an allocation group from its first record to its last, depth first. The order of the records, which the receiver has to
 * insist on, bounds the walk: a block that is reached twice begins with a record that has been before.
 */
final class XfsBtree {
    /** More than any kernel builds: with five entries a block this is more blocks than a group has. */
    private static final int MOST_LEVELS = 16;

    /** Children are read together, as far as they lie together. */
    private static final int MOST_BATCH_BYTES = 512 << 10;
    /** Reading over so much that nobody wants is cheaper than a second request. */
    private static final int MOST_GAP_BYTES = 32 << 10;

    /** Takes the records of a tree in their order. */
    interface Records {
        /**
         * Takes the next record.
         *
         * @param leaf where the record lies, for messages
         * @param content the leaf's bytes, big-endian
         * @param at where in them the record begins
         * @throws CorruptStructureException unless the record's key is above that of the one before
         */
        void accept(XfsBtreeBlock leaf, ByteBuffer content, int at);
    }

    /** Takes the numbers of the blocks that the tree itself consists of. */
    interface Blocks {
        void accept(long block);
    }

    private final BlockSource volume;
    private final XfsGeometry geometry;
    private final int group;
    private final XfsLsn logEnd;
    private final XfsBtreeKind kind;
    private final Records records;
    private final Blocks ownBlocks;
    private final long[] previous;
    private final long[] expected;
    private long blocks;

    private XfsBtree(
            BlockSource volume,
            XfsGeometry geometry,
            int group,
            XfsLsn logEnd,
            XfsBtreeKind kind,
            int levels,
            Records records,
            Blocks ownBlocks) {
        this.volume = volume;
        this.geometry = geometry;
        this.group = group;
        this.logEnd = logEnd;
        this.kind = kind;
        this.records = records;
        this.ownBlocks = ownBlocks;
        this.previous = new long[levels];
        this.expected = new long[levels];
        Arrays.fill(previous, XfsBtreeBlock.NULL_BLOCK);
    }

    /**
     * Walks the whole tree.
     *
     * @param root block of the root
     * @param levels as the group's header says, at least 1
     * @return how many blocks the tree consists of
     * @throws CorruptStructureException if a block is not what its parent, its sibling, or its own header says
     */
    static long walk(
            BlockSource volume,
            XfsGeometry geometry,
            int group,
            XfsLsn logEnd,
            XfsBtreeKind kind,
            long root,
            long levels,
            Records records,
            Blocks ownBlocks)
            throws IOException {
        if (levels < 1 || levels > MOST_LEVELS) {
            throw new CorruptStructureException(
                    kind.title, geometry.offsetBytes(group, 0), "%d levels in group %d".formatted(levels, group));
        }
        XfsBtree tree = new XfsBtree(volume, geometry, group, logEnd, kind, (int) levels, records, ownBlocks);
        ByteBuffer content = tree.readBatch(new long[] {root});
        tree.visit(tree.block(content, 0, root, (int) levels - 1, true), root);
        for (int level = 0; level < levels; level++) {
            if (tree.expected[level] != XfsBtreeBlock.NULL_BLOCK) {
                throw new CorruptStructureException(
                        kind.title,
                        geometry.offsetBytes(group, tree.previous[level]),
                        "the last block of level %d has block %d at its right".formatted(level, tree.expected[level]));
            }
        }
        return tree.blocks;
    }

    private void visit(XfsBtreeBlock node, long number) throws IOException {
        blocks++;
        ownBlocks.accept(number);
        verifySiblings(node, number);
        if (node.level() == 0) {
            for (int i = 0; i < node.records(); i++) {
                records.accept(node, node.content(), node.entryAt(i));
            }
            return;
        }
        int most = Math.max(1, MOST_BATCH_BYTES / geometry.blockBytes());
        for (int from = 0; from < node.records(); from += most) {
            long[] children = new long[Math.min(most, node.records() - from)];
            for (int i = 0; i < children.length; i++) {
                children[i] = node.pointer(from + i);
            }
            ByteBuffer content = readBatch(children);
            for (int i = 0; i < children.length; i++) {
                XfsBtreeBlock child = block(content, i, children[i], node.level() - 1, false);
                if (!child.beginsAs(node, from + i)) {
                    throw child.corrupt("does not begin with the key that its parent gives");
                }
                visit(child, children[i]);
            }
        }
    }

    private void verifySiblings(XfsBtreeBlock node, long number) {
        int level = node.level();
        boolean isFirst = previous[level] == XfsBtreeBlock.NULL_BLOCK;
        if (node.leftSibling() != previous[level] || (!isFirst && expected[level] != number)) {
            throw node.corrupt("block %d lies between %d and %d, not behind %d"
                    .formatted(number, node.leftSibling(), node.rightSibling(), previous[level]));
        }
        previous[level] = number;
        expected[level] = node.rightSibling();
    }

    private XfsBtreeBlock block(ByteBuffer batch, int index, long number, int level, boolean isRoot) {
        ByteBuffer content = batch.slice(index * geometry.blockBytes(), geometry.blockBytes());
        return XfsBtreeBlock.parse(content, kind, geometry, group, number, level, isRoot, logEnd);
    }

    /** The content of the blocks, in the order in which they are named. */
    private ByteBuffer readBatch(long[] numbers) throws IOException {
        int blockBytes = geometry.blockBytes();
        long[] byPlace = new long[numbers.length];
        for (int i = 0; i < numbers.length; i++) {
            verifyInGroup(numbers[i]);
            byPlace[i] = (numbers[i] << 16) | i;
        }
        Arrays.sort(byPlace);
        ByteBuffer batch = ByteBuffer.allocate(numbers.length * blockBytes);
        int from = 0;
        while (from < byPlace.length) {
            long first = byPlace[from] >>> 16;
            int to = from + 1;
            while (to < byPlace.length && isNear(first, byPlace[to - 1] >>> 16, byPlace[to] >>> 16)) {
                to++;
            }
            long end = (byPlace[to - 1] >>> 16) + 1;
            ByteBuffer run =
                    volume.read(geometry.offsetBytes(group, first), Math.toIntExact((end - first) * blockBytes));
            for (int i = from; i < to; i++) {
                int at = Math.toIntExact(((byPlace[i] >>> 16) - first) * blockBytes);
                batch.put((int) (byPlace[i] & 0xffff) * blockBytes, run, at, blockBytes);
            }
            from = to;
        }
        return batch;
    }

    private boolean isNear(long first, long last, long next) {
        return (next - last - 1) * geometry.blockBytes() <= MOST_GAP_BYTES
                && (next + 1 - first) * geometry.blockBytes() <= MOST_BATCH_BYTES;
    }

    private void verifyInGroup(long number) {
        if (number < geometry.headerBlocks() || number >= geometry.groupBlocks(group)) {
            throw new CorruptStructureException(
                    kind.title,
                    geometry.offsetBytes(group, 0),
                    "block %d of the tree is not in group %d".formatted(number, group));
        }
    }
}
