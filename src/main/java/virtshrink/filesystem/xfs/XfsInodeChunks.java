package virtshrink.filesystem.xfs;

import java.nio.ByteBuffer;

/** Takes the inode chunks ({@code xfs_inobt_rec}) of a group and holds them against what is free. */
final class XfsInodeChunks implements XfsBtree.Records {
    private static final int INODES = 64;
    /** Each bit of the hole mask stands for four inodes that were never allocated. */
    private static final int INODES_PER_HOLE = 4;

    private final XfsGeometry geometry;
    private final XfsFreeExtents free;
    private final long endBlock;
    private long next;
    private long count;
    private long freecount;
    private final long wanted;
    private boolean found;

    /** @param wanted an inode number within the group that should turn up, or -1 */
    XfsInodeChunks(XfsGeometry geometry, int group, XfsFreeExtents free, long wanted) {
        this.geometry = geometry;
        this.free = free;
        this.endBlock = geometry.groupBlocks(group);
        this.wanted = wanted;
    }

    @Override
    public void accept(XfsBtreeBlock leaf, ByteBuffer content, int at) {
        long startino = content.getInt(at) & 0xffffffffL;
        boolean sparse = geometry.features().hasIncompat(XfsFeatures.INCOMPAT_SPINODES);
        int holemask = sparse ? content.getChar(at + 4) : 0;
        int chunkCount = sparse ? content.get(at + 6) & 0xff : INODES;
        long chunkFree = sparse ? content.get(at + 7) & 0xff : content.getInt(at + 4) & 0xffffffffL;
        long freeMask = content.getLong(at + 8);
        if (startino < next
                || (startino + INODES - 1) >>> inopblog() >= endBlock
                || chunkCount != INODES - INODES_PER_HOLE * Integer.bitCount(holemask)
                || chunkFree != Long.bitCount(freeMask & ~holes(holemask))) {
            throw leaf.corrupt("chunk of %d inodes, %d of them free, at %d, behind %d"
                    .formatted(chunkCount, chunkFree, startino, next));
        }
        next = startino + INODES;
        count += chunkCount;
        freecount += chunkFree;
        if (wanted >= startino && wanted < next) {
            found = (holes(holemask) & (1L << (wanted - startino))) == 0;
        }
        int from = 0;
        while (from < INODES / INODES_PER_HOLE) {
            int to = from;
            while (to < INODES / INODES_PER_HOLE && (holemask & (1 << to)) == 0) {
                to++;
            }
            if (to > from) {
                verifyUsed(leaf, startino + (long) from * INODES_PER_HOLE, startino + (long) to * INODES_PER_HOLE);
            }
            from = to + 1;
        }
    }

    private void verifyUsed(XfsBtreeBlock leaf, long fromInode, long toInode) {
        long from = fromInode >>> inopblog();
        long to = ((toInode - 1) >>> inopblog()) + 1;
        if (free.overlaps(from, to)) {
            throw leaf.corrupt("blocks %d to %d hold inodes and are called free".formatted(from, to - 1));
        }
    }

    long count() {
        return count;
    }

    long freecount() {
        return freecount;
    }

    boolean found() {
        return found;
    }

    private int inopblog() {
        return geometry.superblock().inopblog();
    }

    /** One bit for each inode that is in a hole. */
    private static long holes(int holemask) {
        long holes = 0;
        for (int bit = 0; bit < INODES / INODES_PER_HOLE; bit++) {
            if ((holemask & (1 << bit)) != 0) {
                holes |= 0xfL << (bit * INODES_PER_HOLE);
            }
        }
        return holes;
    }
}
