package virtshrink.block;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Remembers what was read last, in aligned chunks: those who look for signatures read a few bytes each, often in the same places, and over a
 * connection a request costs more than the bytes it brings. For sources that do not change meanwhile. Not thread-safe.
 */
public final class CachedBlockSource implements BlockSource {
    /** Reads longer than this bring so much themselves that remembering them would only push out what is small. */
    static final int MOST_CACHED_BYTES = 16 << 10;

    static final int CHUNK_BYTES = 64 << 10;
    private static final int MOST_CHUNKS = 16;

    private final BlockSource source;
    private final Map<Long, byte[]> chunks = new LinkedHashMap<>(MOST_CHUNKS, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Long, byte[]> eldest) {
            return size() > MOST_CHUNKS;
        }
    };

    public CachedBlockSource(BlockSource source) {
        this.source = source;
    }

    @Override
    public long sizeBytes() {
        return source.sizeBytes();
    }

    @Override
    public void read(long offsetBytes, ByteBuffer destination) throws IOException {
        if (destination.remaining() > MOST_CACHED_BYTES) {
            source.read(offsetBytes, destination);
            return;
        }
        if (offsetBytes < 0 || offsetBytes > sizeBytes() - destination.remaining()) {
            throw new EOFException("%d bytes at offset %d reach beyond the end at %d"
                    .formatted(destination.remaining(), offsetBytes, sizeBytes()));
        }
        long at = offsetBytes;
        while (destination.hasRemaining()) {
            byte[] chunk = chunk(at / CHUNK_BYTES);
            int from = (int) (at % CHUNK_BYTES);
            int length = Math.min(destination.remaining(), chunk.length - from);
            destination.put(chunk, from, length);
            at += length;
        }
    }

    /** The last one ends where the source does. */
    private byte[] chunk(long index) throws IOException {
        byte[] known = chunks.get(index);
        if (known != null) {
            return known;
        }
        long start = index * CHUNK_BYTES;
        byte[] fresh = new byte[(int) Math.min(CHUNK_BYTES, sizeBytes() - start)];
        source.read(start, ByteBuffer.wrap(fresh));
        chunks.put(index, fresh);
        return fresh;
    }
}
