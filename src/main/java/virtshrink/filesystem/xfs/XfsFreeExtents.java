package virtshrink.filesystem.xfs;

import java.nio.ByteBuffer;
import java.util.Arrays;
import virtshrink.block.CorruptStructureException;

/** The free extents of one allocation group, ascending, in eight bytes each. Not thread-safe. */
final class XfsFreeExtents implements XfsBtree.Records {
    /** 32 MiB: there is not more at any time than those of one group. */
    static final int MOST_EXTENTS = 1 << 22;

    private final long firstBlock;
    private final long endBlock;
    /** Start in the upper half, length in the lower. */
    private long[] extents = new long[64];

    private int size;
    private long blocks;
    private long longest;
    private long digest;

    /**
     * @param firstBlock behind the group's headers
     * @param endBlock of the group
     */
    XfsFreeExtents(long firstBlock, long endBlock) {
        this.firstBlock = firstBlock;
        this.endBlock = endBlock;
    }

    @Override
    public void accept(XfsBtreeBlock leaf, ByteBuffer content, int at) {
        long start = content.getInt(at) & 0xffffffffL;
        long length = content.getInt(at + 4) & 0xffffffffL;
        // Free extents that touch each other would be one.
        long least = size == 0 ? firstBlock : end(size - 1) + 1;
        if (length == 0 || start < least || start + length > endBlock) {
            throw leaf.corrupt(
                    "free extent of %d blocks at %d, between %d and %d".formatted(length, start, least, endBlock));
        }
        if (size == extents.length) {
            if (size == MOST_EXTENTS) {
                throw new TooManyException();
            }
            extents = Arrays.copyOf(extents, size + Math.min(size, 1 << 19));
        }
        extents[size] = (start << 32) | length;
        size++;
        blocks += length;
        longest = Math.max(longest, length);
        digest += mix((start << 32) | length);
    }

    int size() {
        return size;
    }

    long start(int index) {
        return extents[index] >>> 32;
    }

    long length(int index) {
        return extents[index] & 0xffffffffL;
    }

    long end(int index) {
        return start(index) + length(index);
    }

    /** Blocks in all of them. */
    long blocks() {
        return blocks;
    }

    /** Blocks in the longest, 0 if there is none. */
    long longest() {
        return longest;
    }

    /** Whether one of the blocks is free. */
    boolean overlaps(long fromBlock, long toBlock) {
        int low = 0;
        int high = size;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (end(middle) > fromBlock) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low < size && start(low) < toBlock;
    }

    /** The group is more fragmented than what is worth holding in memory. */
    static final class TooManyException extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    /** Takes the extents by length, then by start, to be held against these. */
    final class ByLength implements XfsBtree.Records {
        private int count;
        private long blocksSeen;
        private long digestSeen;
        private long previous;

        @Override
        public void accept(XfsBtreeBlock leaf, ByteBuffer content, int at) {
            long start = content.getInt(at) & 0xffffffffL;
            long length = content.getInt(at + 4) & 0xffffffffL;
            // Both are below 2^32, but not negative as a whole: a group has at most 2^31 blocks.
            long key = (length << 32) | start;
            if (length >= 1L << 31 || key <= previous) {
                throw leaf.corrupt("free extent of %d blocks at %d is out of order".formatted(length, start));
            }
            previous = key;
            count++;
            blocksSeen += length;
            digestSeen += mix((start << 32) | length);
        }

        void verifyComplete(long offsetBytes) {
            CorruptStructureException.verify(
                    count == size && blocksSeen == blocks && digestSeen == digest,
                    XfsBtreeKind.CNT.title,
                    offsetBytes,
                    "%d free extents of %d blocks by length, %d of %d by block, or not the same ones"
                            .formatted(count, blocksSeen, size, blocks));
        }
    }

    /** Spreads the bits (the finaliser of SplitMix64), so that sums of different sets differ. */
    private static long mix(long value) {
        long mixed = (value ^ (value >>> 30)) * 0xbf58476d1ce4e5b9L;
        mixed = (mixed ^ (mixed >>> 27)) * 0x94d049bb133111ebL;
        return mixed ^ (mixed >>> 31);
    }
}
