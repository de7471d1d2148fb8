package virtshrink.shrink;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import virtshrink.block.BlockSource;

/**
 * A disk of which nothing more can be read once a run is cancelled: whoever inspects it ends at its next read, whatever it was reading for, also
 * where nobody has killed its server. As thread-safe as the source.
 */
record CancellableSource(BlockSource source, Cancellation cancellation) implements BlockSource {
    @Override
    public long sizeBytes() {
        return source.sizeBytes();
    }

    @Override
    public void read(long offsetBytes, ByteBuffer destination) throws IOException {
        Optional<String> why = cancellation.reason();
        if (why.isPresent()) {
            throw new InterruptedIOException(why.get());
        }
        source.read(offsetBytes, destination);
    }
}
