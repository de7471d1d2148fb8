package virtshrink.filesystem.xfs;

import java.nio.ByteBuffer;
import virtshrink.block.CorruptStructureException;

/**
 * Takes the reverse mappings ({@code xfs_rmap_rec}) of a group. They name an owner for every block that has one, headers and trees included:
 * what lies between them has to be exactly what is called free.
 */
final class XfsReverseMappings implements XfsBtree.Records {
    /** Low bits of {@code rm_offset} that are a position in a file; above are flags. */
    private static final long OFFSET_MASK = (1L << 54) - 1;

    private final XfsFreeExtents free;
    private final long endBlock;
    private long covered;
    private int nextFree;
    private boolean any;
    private long lastStart;
    private long lastOwner;
    private long lastOffset;

    XfsReverseMappings(XfsGeometry geometry, int group, XfsFreeExtents free) {
        this.free = free;
        this.endBlock = geometry.groupBlocks(group);
    }

    @Override
    public void accept(XfsBtreeBlock leaf, ByteBuffer content, int at) {
        long start = content.getInt(at) & 0xffffffffL;
        long length = content.getInt(at + 4) & 0xffffffffL;
        long owner = content.getLong(at + 8);
        long offset = content.getLong(at + 16) & OFFSET_MASK;
        if (length == 0 || start + length > endBlock || (any && !isAfterLast(start, owner, offset))) {
            throw leaf.corrupt(
                    "mapping of %d blocks at %d to owner %d is out of order or range".formatted(length, start, owner));
        }
        any = true;
        lastStart = start;
        lastOwner = owner;
        lastOffset = offset;
        if (start > covered) {
            takeFree(covered, start, leaf);
        }
        covered = Math.max(covered, start + length);
    }

    /** @param leaf where the mapping behind the gap is */
    private void takeFree(long from, long to, XfsBtreeBlock leaf) {
        if (!isNextFree(from, to)) {
            throw leaf.corrupt("blocks %d to %d have no owner, what is called free differs".formatted(from, to - 1));
        }
        nextFree++;
    }

    private boolean isNextFree(long from, long to) {
        return nextFree < free.size() && free.start(nextFree) == from && free.end(nextFree) == to;
    }

    private boolean isAfterLast(long start, long owner, long offset) {
        if (start != lastStart) {
            return start > lastStart;
        }
        int owners = Long.compareUnsigned(owner, lastOwner);
        return owners > 0 || (owners == 0 && offset > lastOffset);
    }

    /** Once all mappings have been: nothing else is called free. */
    void verifyComplete(long offsetBytes) {
        if (covered < endBlock && isNextFree(covered, endBlock)) {
            nextFree++;
            covered = endBlock;
        }
        CorruptStructureException.verify(
                covered == endBlock && nextFree == free.size(),
                XfsBtreeKind.RMAP.title,
                offsetBytes,
                "%d of %d free extents are where no block has an owner".formatted(nextFree, free.size()));
    }
}
