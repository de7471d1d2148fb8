package virtshrink.filesystem.ext;

import java.io.IOException;
import java.nio.ByteBuffer;
import virtshrink.block.BlockSource;

/**
 * Reads block bitmaps in the order of their groups. With {@code flex_bg} those of many groups lie side by side and are read at once: over
 * the network a request costs more than the bytes it brings.
 */
final class ExtBitmapReader {
    private static final int MOST_BYTES = 1 << 20;
    /** Reading over so much that nobody wants is cheaper than a second request. */
    private static final int MOST_GAP_BYTES = 64 << 10;

    private final BlockSource volume;
    private final ExtGeometry geometry;
    private final ExtGroupTable table;
    private ByteBuffer window = ByteBuffer.allocate(0);
    private long windowStart;
    private long windowEnd;

    ExtBitmapReader(BlockSource volume, ExtGeometry geometry, ExtGroupTable table) {
        this.volume = volume;
        this.geometry = geometry;
        this.table = table;
    }

    /**
     * The part of the group's bitmap block that stands for its clusters; valid until the next call. Where a group has fewer clusters than a
     * block has bits, the rest of the block means nothing and no checksum covers it.
     */
    ByteBuffer read(int group) throws IOException {
        long block = table.blockBitmap(group);
        if (block < windowStart || block >= windowEnd) {
            windowStart = block;
            windowEnd = endOfRun(group);
            int bytes = Math.toIntExact((windowEnd - windowStart) * geometry.blockBytes());
            if (window.capacity() < bytes) {
                window = ByteBuffer.allocate(bytes);
            }
            window.clear().limit(bytes);
            volume.read(windowStart * geometry.blockBytes(), window);
        }
        int at = Math.toIntExact((block - windowStart) * geometry.blockBytes());
        return window.slice(at, geometry.clustersPerGroup() / 8);
    }

    private long endOfRun(int firstGroup) {
        long start = table.blockBitmap(firstGroup);
        long end = start + 1;
        for (int group = firstGroup + 1; group < geometry.groups(); group++) {
            if (table.isUninitialised(group)) {
                continue;
            }
            long block = table.blockBitmap(group);
            if (block < end
                    || (block - end) * geometry.blockBytes() > MOST_GAP_BYTES
                    || (block + 1 - start) * geometry.blockBytes() > MOST_BYTES) {
                break;
            }
            end = block + 1;
        }
        return end;
    }
}
