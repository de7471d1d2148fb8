package virtshrink.filesystem.btrfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import virtshrink.block.Bitmap;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * The free space tree, read beside the extent tree and compared with it run by run. For each block group an info item, and behind it either
 * extents or bitmaps, in which a run may go on from one to the next. Not thread-safe.
 */
final class BtrfsFreeSpaceTree implements BtrfsFreeRuns {
    private static final String INFO = "btrfs_free_space_info";
    private static final String BITMAP = "free space bitmap";
    private static final long FLAG_USING_BITMAPS = 0x1;
    private static final Bitmap NO_BITMAP = new Bitmap(ByteBuffer.allocate(0), 0);

    private final BtrfsTreeCursor items;
    private final int sectorBytes;
    private Optional<BtrfsTreeCursor.Item> ahead;
    private BtrfsKey group = new BtrfsKey(0, 0, 0);
    private boolean bitmaps;
    private long extentCount;
    private long found;
    private long groupsEnd;

    private Bitmap bitmap = NO_BITMAP;

    private long bitmapStart;
    private long bitmapsEnd;

    /** Of the bitmap, what is to be looked at next. */
    private int bit;

    BtrfsFreeSpaceTree(BtrfsTreeCursor items, int sectorBytes) throws IOException {
        this.items = items;
        this.sectorBytes = sectorBytes;
        this.ahead = items.next();
    }

    @Override
    public void beginGroup(BtrfsChunk chunk) throws IOException {
        group = new BtrfsKey(chunk.logical(), BtrfsKey.FREE_SPACE_INFO, chunk.length());
        skipUpTo(chunk.logical());
        if (ahead.isEmpty() || !ahead.get().key().equals(group)) {
            throw differs("is not there; found %s".formatted(ahead.map(BtrfsTreeCursor.Item::key)));
        }
        StructureBytes info = ahead.get().content(INFO);
        extentCount = info.u32le(0);
        long flags = info.u32le(4);
        if (info.length() != 8 || (flags & ~FLAG_USING_BITMAPS) != 0) {
            throw info.corrupt(4, "flags 0x%x".formatted(flags));
        }
        bitmaps = flags != 0;
        bitmap = NO_BITMAP;
        bitmapsEnd = chunk.logical();
        bit = 0;
        found = 0;
        ahead = items.next();
    }

    @Override
    public void free(long logical, long lengthBytes) throws IOException {
        ByteRange expected = new ByteRange(logical, lengthBytes);
        Optional<ByteRange> run = nextRun();
        if (run.isEmpty() || !run.get().equals(expected)) {
            throw differs("has %s where the extent tree leaves %s".formatted(run, expected));
        }
        found++;
    }

    @Override
    public void endGroup(BtrfsChunk chunk) throws IOException {
        Optional<ByteRange> more = nextRun();
        if (more.isPresent()) {
            throw differs("has %s, which the extent tree does not leave".formatted(more.get()));
        }
        if (found != extentCount) {
            throw differs("counts %d runs, but has %d".formatted(extentCount, found));
        }
        groupsEnd = chunk.end();
    }

    /** @throws CorruptStructureException if there is more than the block groups have */
    void end() throws IOException {
        skipUpTo(Long.MAX_VALUE);
        if (ahead.isPresent()) {
            throw ahead.get()
                    .corrupt("key %s in the free space tree"
                            .formatted(ahead.get().key()));
        }
    }

    /**
     * Skips what lies between two chunks: {@code mkfs.btrfs} 5.15 and later leave the entries of the temporary block group behind from which
     * they started, and whoever reads the tree asks for existing block groups only.
     */
    private void skipUpTo(long logical) throws IOException {
        while (ahead.isPresent()
                && Long.compareUnsigned(ahead.get().key().objectid(), groupsEnd) >= 0
                && Long.compareUnsigned(ahead.get().key().objectid(), logical) < 0
                && Long.compareUnsigned(
                                ahead.get().key().offset(),
                                logical - ahead.get().key().objectid())
                        <= 0) {
            ahead = items.next();
        }
    }

    private Optional<ByteRange> nextRun() throws IOException {
        if (!bitmaps) {
            return nextExtent();
        }
        long start = -1;
        while (bit < bitmap.bits() || loadBitmap()) {
            if (start < 0) {
                bit = bitmap.nextSet(bit);
                start = bit < bitmap.bits() ? address(bit) : -1;
            } else {
                bit = bitmap.nextClear(bit);
                if (bit < bitmap.bits()) {
                    return Optional.of(ByteRange.between(start, address(bit)));
                }
            }
        }
        return start < 0 ? Optional.empty() : Optional.of(ByteRange.between(start, bitmapsEnd));
    }

    private long address(int atBit) {
        return bitmapStart + (long) atBit * sectorBytes;
    }

    private Optional<ByteRange> nextExtent() throws IOException {
        if (ahead.isEmpty() || ahead.get().key().type() != BtrfsKey.FREE_SPACE_EXTENT) {
            return Optional.empty();
        }
        BtrfsKey key = ahead.get().key();
        if (!isInGroup(key)) {
            throw differs("is followed by %s".formatted(key));
        }
        ahead = items.next();
        return Optional.of(new ByteRange(key.objectid(), key.offset()));
    }

    /** Bitmaps cover the whole group, one behind the other; false at its end. */
    private boolean loadBitmap() throws IOException {
        if (ahead.isEmpty() || ahead.get().key().type() != BtrfsKey.FREE_SPACE_BITMAP) {
            if (bitmapsEnd != group.objectid() + group.offset()) {
                throw differs("has no bitmap of %d".formatted(bitmapsEnd));
            }
            return false;
        }
        BtrfsKey key = ahead.get().key();
        StructureBytes content = ahead.get().content(BITMAP);
        long bits = key.offset() / sectorBytes;
        if (!isInGroup(key)
                || key.objectid() != bitmapsEnd
                || key.offset() % sectorBytes != 0
                || bits == 0
                || (bits + 7) / 8 != content.length()) {
            throw content.corrupt(0, "bitmap of %d bytes with key %s".formatted(content.length(), key));
        }
        bitmap = new Bitmap(ByteBuffer.wrap(content.bytes(0, content.length())), (int) bits);
        bitmapStart = bitmapsEnd;
        bitmapsEnd += key.offset();
        bit = 0;
        ahead = items.next();
        return true;
    }

    private boolean isInGroup(BtrfsKey key) {
        return key.objectid() >= group.objectid()
                && key.offset() >= 0
                && key.offset() <= group.offset()
                && key.objectid() - group.objectid() <= group.offset() - key.offset();
    }

    private CorruptStructureException differs(String reason) {
        return new CorruptStructureException(
                INFO, group.objectid(), "block group %d of the free space tree %s".formatted(group.objectid(), reason));
    }
}
