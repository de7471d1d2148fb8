package virtshrink.block;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * A randomly readable run of bytes: a served disk, a partition of it, an image in memory.
 *
 * <p>Implementations say whether they may be used from several threads at once; the slices made here may be used as their parent may.
 */
public interface BlockSource {
    /** Size in bytes, constant for the life of the source. */
    long sizeBytes();

    /**
     * Fills the destination from its position to its limit with the bytes that begin at the offset.
     *
     * @param offsetBytes from the start of this source, 0 to {@link #sizeBytes()}
     * @throws IOException if the bytes cannot be read, or the request reaches beyond the end ({@link java.io.EOFException})
     */
    void read(long offsetBytes, ByteBuffer destination) throws IOException;

    /**
     * Reads bytes into a new array-backed buffer, positioned at 0.
     *
     * @param lengthBytes 0 to whatever the caller has bounded it to; allocated before reading
     */
    default ByteBuffer read(long offsetBytes, int lengthBytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(lengthBytes);
        read(offsetBytes, buffer);
        return buffer.flip();
    }

    /**
     * A part of this source as a source of its own.
     *
     * @throws IllegalArgumentException if the range reaches beyond the end of this source
     */
    default BlockSource slice(ByteRange range) {
        return new SlicedBlockSource(this, range);
    }
}
