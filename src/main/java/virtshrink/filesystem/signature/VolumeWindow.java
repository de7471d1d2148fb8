package virtshrink.filesystem.signature;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import virtshrink.block.BlockSource;
import virtshrink.block.StructureBytes;

/**
 * A volume as probes see it: small pieces from anywhere, read in pages that are kept, so that a hundred probes cost a few dozen requests.
 * Whatever lies outside the volume reads as zeros: no signature is zeros. Not thread-safe.
 */
final class VolumeWindow {
    private static final int PAGE_BYTES = 16 << 10;
    private static final int MOST_PAGES = 64;

    private final BlockSource volume;
    private final Map<Long, byte[]> pages = new LinkedHashMap<>(MOST_PAGES, 0.75f, true);

    VolumeWindow(BlockSource volume) {
        this.volume = volume;
    }

    long sizeBytes() {
        return volume.sizeBytes();
    }

    /** Number of whole units of the given size. */
    long units(int unitBytes) {
        return volume.sizeBytes() / unitBytes;
    }

    /**
     * @param offsetBytes any number
     * @param lengthBytes at most some KiB: a structure, never its payload
     */
    StructureBytes at(long offsetBytes, int lengthBytes) throws IOException {
        ByteBuffer piece = ByteBuffer.allocate(lengthBytes);
        long first = Math.max(offsetBytes, 0);
        long end =
                Math.min(volume.sizeBytes(), lengthBytes > Long.MAX_VALUE - first ? first : offsetBytes + lengthBytes);
        for (long from = first; from < end; ) {
            byte[] page = page(from / PAGE_BYTES);
            int inPage = (int) (from % PAGE_BYTES);
            int count = (int) Math.min(end - from, page.length - inPage);
            piece.put((int) (from - offsetBytes), page, inPage, count);
            from += count;
        }
        return new StructureBytes("signature", offsetBytes, piece);
    }

    /** @param magic one byte a character */
    boolean matches(long offsetBytes, String magic) throws IOException {
        return at(offsetBytes, magic.length()).matches(0, magic.getBytes(StandardCharsets.ISO_8859_1));
    }

    private byte[] page(long number) throws IOException {
        byte[] known = pages.get(number);
        if (known == null) {
            long offset = number * PAGE_BYTES;
            known = volume.read(offset, (int) Math.min(PAGE_BYTES, volume.sizeBytes() - offset))
                    .array();
            pages.put(number, known);
            if (pages.size() > MOST_PAGES) {
                pages.remove(pages.keySet().iterator().next());
            }
        }
        return known;
    }
}
