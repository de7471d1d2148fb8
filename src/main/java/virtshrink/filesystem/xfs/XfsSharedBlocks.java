package virtshrink.filesystem.xfs;

import java.nio.ByteBuffer;

/** Takes the reference counts ({@code xfs_refcount_rec}) of a group: what has several owners, or is being copied, is not free. */
final class XfsSharedBlocks implements XfsBtree.Records {
    /** Marks blocks set aside for copying on write; those come behind all others. */
    private static final long COW_FLAG = 1L << 31;

    private final XfsFreeExtents free;
    private final long endBlock;
    private long next;

    XfsSharedBlocks(XfsGeometry geometry, int group, XfsFreeExtents free) {
        this.free = free;
        this.endBlock = geometry.groupBlocks(group);
    }

    @Override
    public void accept(XfsBtreeBlock leaf, ByteBuffer content, int at) {
        long startblock = content.getInt(at) & 0xffffffffL;
        long blockcount = content.getInt(at + 4) & 0xffffffffL;
        long start = startblock & ~COW_FLAG;
        if (startblock < next || blockcount == 0 || start + blockcount > endBlock) {
            throw leaf.corrupt(
                    "shared extent of %d blocks at 0x%x is out of order or range".formatted(blockcount, startblock));
        }
        next = startblock + blockcount;
        if (free.overlaps(start, start + blockcount)) {
            throw leaf.corrupt("blocks %d to %d are shared and called free".formatted(start, start + blockcount - 1));
        }
    }
}
