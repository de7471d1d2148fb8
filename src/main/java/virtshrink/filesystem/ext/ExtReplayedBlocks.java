package virtshrink.filesystem.ext;

import java.util.Arrays;

/**
 * Which blocks of a filesystem the journal holds in a newer version, and where in the log. Only numbers are kept, never contents: one for
 * each block, made of the block, the position in the log and what is to be done, so that the sorted numbers have the newest version of each
 * block last.
 */
final class ExtReplayedBlocks {
    /** Two million blocks: 8 GiB of different blocks in a log of 4 KiB blocks. */
    static final int MOST_ENTRIES = 1 << 21;

    /** Tags and revoke records of the whole log: the bound on time. */
    private static final int MOST_ADDED = 1 << 25;

    private static final int SORT_AFTER = MOST_ENTRIES / 8;

    /** Of the block's number; more than the groups that are read at all can have in blocks of up to 8 KiB. */
    static final long MOST_BLOCKS = 1L << 37;

    private static final int KIND_BITS = 2;
    private static final int POSITION_BITS = 24;
    private static final int BLOCK_SHIFT = KIND_BITS + POSITION_BITS;
    private static final long POSITION_MASK = (1L << POSITION_BITS) - 1;
    private static final int PLAIN = 0;
    private static final int ESCAPED = 1;
    private static final int REVOKED = 2;
    private static final int KIND_MASK = 3;

    private long[] entries = new long[1024];
    private int count;
    /** How many of them belong to transactions whose commit was found. */
    private int committed;

    private int added;
    private int sortAt = MOST_ENTRIES / 2;

    /**
     * A block was logged in the transaction that is being read.
     *
     * @param block below {@link #MOST_BLOCKS}
     * @param position below 2^24, larger than all before
     * @param escaped whether its first four bytes are the journal's magic number, and zero in the log
     * @return false if there are too many
     */
    boolean addLogged(long block, long position, boolean escaped) {
        return add(block << BLOCK_SHIFT | position << KIND_BITS | (escaped ? ESCAPED : PLAIN));
    }

    /**
     * What was logged of a block up to a transaction's commit block is not to be written.
     *
     * @param position of the commit block
     * @return false if there are too many
     */
    boolean addRevoked(long block, long position) {
        return add(block << BLOCK_SHIFT | position << KIND_BITS | REVOKED);
    }

    /** The transaction that was being read is complete. */
    void commit() {
        committed = count;
        if (count > sortAt) {
            keepNewest();
            sortAt = Math.max(sortAt, count + SORT_AFTER);
        }
    }

    /** The transaction that was being read never came to its commit; nothing more is added. */
    void finish() {
        count = committed;
        keepNewest();
        entries = Arrays.copyOf(entries, count);
    }

    /** How many different blocks there are; only after {@link #finish}. */
    int count() {
        return count;
    }

    /** The index of the first block that has this number or a greater one. */
    int indexFrom(long block) {
        int found = Arrays.binarySearch(entries, 0, count, block << BLOCK_SHIFT);
        return found >= 0 ? found : -found - 1;
    }

    long block(int index) {
        return entries[index] >> BLOCK_SHIFT;
    }

    /** Where in the log its newest version is. */
    long position(int index) {
        return entries[index] >> KIND_BITS & POSITION_MASK;
    }

    boolean isEscaped(int index) {
        return (entries[index] & KIND_MASK) == ESCAPED;
    }

    private boolean add(long entry) {
        if (count == MOST_ENTRIES || added == MOST_ADDED) {
            return false;
        }
        added++;
        if (count == entries.length) {
            entries = Arrays.copyOf(entries, 2 * count);
        }
        entries[count++] = entry;
        return true;
    }

    /** A block that was revoked last has no version in the log; should it be logged again, that one is newer. */
    private void keepNewest() {
        Arrays.sort(entries, 0, count);
        int kept = 0;
        for (int i = 0; i < count; i++) {
            boolean newest = i + 1 == count || block(i + 1) != block(i);
            if (newest && (entries[i] & KIND_MASK) != REVOKED) {
                entries[kept++] = entries[i];
            }
        }
        count = kept;
        committed = kept;
    }
}
