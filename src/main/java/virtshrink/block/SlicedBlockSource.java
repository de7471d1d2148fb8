package virtshrink.block;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;

/** A window on another source; refuses every request that would leave the window. */
final class SlicedBlockSource implements BlockSource {
    private final BlockSource parent;
    private final ByteRange window;

    SlicedBlockSource(BlockSource parent, ByteRange window) {
        if (window.endBytes() > parent.sizeBytes()) {
            throw new IllegalArgumentException(
                    window + " reaches beyond the " + parent.sizeBytes() + " bytes available");
        }
        this.parent = parent;
        this.window = window;
    }

    @Override
    public long sizeBytes() {
        return window.lengthBytes();
    }

    @Override
    public void read(long offsetBytes, ByteBuffer destination) throws IOException {
        if (offsetBytes < 0 || offsetBytes > window.lengthBytes() - destination.remaining()) {
            throw new EOFException("%d bytes at offset %d reach beyond the %d bytes available"
                    .formatted(destination.remaining(), offsetBytes, window.lengthBytes()));
        }
        parent.read(window.startBytes() + offsetBytes, destination);
    }
}
