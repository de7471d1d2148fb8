package virtshrink.block;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Counts what is asked of a source: over a connection each request is a round trip. Not thread-safe. */
public final class CountingSource implements BlockSource {
    private final BlockSource source;
    private long requests;
    private long bytes;

    public CountingSource(BlockSource source) {
        this.source = source;
    }

    @Override
    public long sizeBytes() {
        return source.sizeBytes();
    }

    @Override
    public void read(long offsetBytes, ByteBuffer destination) throws IOException {
        requests++;
        bytes += destination.remaining();
        source.read(offsetBytes, destination);
    }

    /** Reads so far. */
    public long requests() {
        return requests;
    }

    /** Bytes asked for so far. */
    public long bytes() {
        return bytes;
    }
}
