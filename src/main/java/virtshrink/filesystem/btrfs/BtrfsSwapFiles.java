package virtshrink.filesystem.btrfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.StructureBytes;
import virtshrink.filesystem.HibernationMark;

/**
 * Looks for the memory of a hibernated guest in the swap files of a filesystem. It has its filesystems mounted, btrfs carries no mark of that,
 * and what the guest wrote into free space since the last commit is needed when it goes on.
 *
 * <p>What file it is nobody says, so every large extent with which a file may begin is looked into. A swap file is neither compressed, which
 * would make its extents small, nor shared, which would make it begin in the middle of one. Not thread-safe.
 */
final class BtrfsSwapFiles {
    /** No kernel can be put away in less; a swap file is allocated at once, and its first extent is large on all but the fullest devices. */
    private static final long LEAST_BYTES = 1 << 20;

    /** Half a minute of requests over a connection. */
    private static final int MOST_LOOKS = 1 << 19;

    private static final int LARGEST_PAGE_BYTES = 64 << 10;
    private static final int INLINE_REF_AT = 24;
    private static final int EXTENT_DATA_REF_BYTES = 28;

    private final BlockSource volume;
    private int looks;
    private Optional<String> found = Optional.empty();

    BtrfsSwapFiles(BlockSource volume) {
        this.volume = volume;
    }

    /** Why the guest is hibernated; empty if no mark was found so far. */
    Optional<String> whyHibernated() {
        return found;
    }

    /**
     * An extent of data was found.
     *
     * @param item its {@code btrfs_extent_item}
     * @throws virtshrink.block.CorruptStructureException if there are too many of them
     */
    void lookInto(StructureBytes item, BtrfsChunk chunk, long logical, long lengthBytes) throws IOException {
        if (found.isPresent() || lengthBytes < LEAST_BYTES || isLaterInItsFile(item)) {
            return;
        }
        if (++looks > MOST_LOOKS) {
            throw item.corrupt(
                    0, "more than %d large files to look through for a hibernated guest".formatted(MOST_LOOKS));
        }
        ByteBuffer start = volume.read(chunk.physical().get(0) + (logical - chunk.logical()), LARGEST_PAGE_BYTES);
        Optional<String> mark = HibernationMark.atStart(bytesAt(start, 0));
        for (int pageBytes : HibernationMark.PAGE_BYTES) {
            if (mark.isEmpty()) {
                mark = HibernationMark.atEnd(bytesAt(start, pageBytes - HibernationMark.LENGTH_BYTES));
            }
        }
        found = mark.map(
                name -> "the guest is hibernated in a swap file, at logical address %d (%s)".formatted(logical, name));
    }

    /** The only reference, where it stands in the item, has the place in the file: {@code btrfs_extent_data_ref.offset}. */
    private static boolean isLaterInItsFile(StructureBytes item) {
        return item.i64le(0) == 1
                && item.length() == INLINE_REF_AT + 1 + EXTENT_DATA_REF_BYTES
                && item.u8(INLINE_REF_AT) == BtrfsKey.EXTENT_DATA_REF
                && item.i64le(INLINE_REF_AT + 1 + 16) > 0;
    }

    private static byte[] bytesAt(ByteBuffer start, int at) {
        byte[] bytes = new byte[HibernationMark.LENGTH_BYTES];
        start.get(at, bytes);
        return bytes;
    }
}
