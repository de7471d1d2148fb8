package virtshrink.block;

/**
 * A half-open run of bytes.
 *
 * @param startBytes first byte, at least 0
 * @param lengthBytes at least 0; start plus length fits a long
 */
public record ByteRange(long startBytes, long lengthBytes) {
    public ByteRange {
        if (startBytes < 0 || lengthBytes < 0 || startBytes > Long.MAX_VALUE - lengthBytes) {
            throw new IllegalArgumentException("not a range: start " + startBytes + ", length " + lengthBytes);
        }
    }

    /** The range from a first byte to the byte behind the last. */
    public static ByteRange between(long startBytes, long endBytes) {
        return new ByteRange(startBytes, endBytes - startBytes);
    }

    /** The byte behind the last. */
    public long endBytes() {
        return startBytes + lengthBytes;
    }

    public boolean isEmpty() {
        return lengthBytes == 0;
    }

    public boolean contains(ByteRange other) {
        return startBytes <= other.startBytes && other.endBytes() <= endBytes();
    }

    public boolean overlaps(ByteRange other) {
        return startBytes < other.endBytes() && other.startBytes < endBytes();
    }
}
