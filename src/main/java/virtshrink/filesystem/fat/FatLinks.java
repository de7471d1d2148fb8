package virtshrink.filesystem.fat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.Map;
import virtshrink.block.BlockSource;

/** Entries of a file allocation table in any order; pages read last are kept. Not thread-safe. */
final class FatLinks {
    private static final int PAGE_BYTES = 64 << 10;
    private static final int MOST_PAGES = 128;

    private final BlockSource volume;
    private final FatType type;
    private final long offsetBytes;
    private final long lengthBytes;
    private final Map<Long, ByteBuffer> pages = new LinkedHashMap<>(MOST_PAGES, 0.75f, true);
    private ByteBuffer current = ByteBuffer.allocate(0);
    private long currentPage = -1;
    private long reads;

    /** @param offsetBytes where the table begins in the volume, which must hold it whole */
    FatLinks(BlockSource volume, FatType type, long offsetBytes, long entries) {
        this.volume = volume;
        this.type = type;
        this.offsetBytes = offsetBytes;
        this.lengthBytes = type.bytes(entries);
    }

    /** How many pages had to be read so far. */
    long reads() {
        return reads;
    }

    /** The entry of the cluster, which must be within the table. */
    long next(long cluster) throws IOException {
        // Entries of FAT12 share bytes, but then the whole table is smaller than a page.
        long perPage = PAGE_BYTES / type.bytes(1);
        long page = cluster / perPage;
        if (page != currentPage) {
            current = page(page);
            currentPage = page;
        }
        return type.entry(current, (int) (cluster - page * perPage));
    }

    private ByteBuffer page(long number) throws IOException {
        ByteBuffer known = pages.get(number);
        if (known == null) {
            long from = number * PAGE_BYTES;
            known = volume.read(offsetBytes + from, (int) Math.min(PAGE_BYTES, lengthBytes - from))
                    .order(ByteOrder.LITTLE_ENDIAN);
            reads++;
            pages.put(number, known);
            if (pages.size() > MOST_PAGES) {
                pages.remove(pages.keySet().iterator().next());
            }
        }
        return known;
    }
}
