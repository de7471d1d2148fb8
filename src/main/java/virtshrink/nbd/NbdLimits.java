package virtshrink.nbd;

/**
 * The sizes a server takes requests in, as its {@code NBD_INFO_BLOCK_SIZE} says, or the protocol's defaults.
 *
 * @param minimumBytes every request's offset and length is a multiple of it; a power of two, 1 to 65,536
 * @param preferredBytes multiples of it are served fastest; a power of two, at least 512 and {@code minimumBytes}
 * @param maximumBytes the most data a request or a reply may carry; at least {@code preferredBytes}, at most 4,294,967,295. Requests
 *     without data (write-zeroes, trim, block status) may concern more.
 */
public record NbdLimits(int minimumBytes, int preferredBytes, long maximumBytes) {
    /** What holds for a server that names no sizes. */
    static final NbdLimits DEFAULTS = new NbdLimits(1, 4096, 32 << 20);

    private static final int LARGEST_MINIMUM_BYTES = 1 << 16;
    private static final int SMALLEST_PREFERRED_BYTES = 512;

    public NbdLimits {
        if (Integer.bitCount(minimumBytes) != 1 || minimumBytes < 1 || minimumBytes > LARGEST_MINIMUM_BYTES) {
            throw new IllegalArgumentException("minimum block size " + Integer.toUnsignedString(minimumBytes)
                    + " is not a power of two from 1 to " + LARGEST_MINIMUM_BYTES);
        }
        if (Integer.bitCount(preferredBytes) != 1
                || preferredBytes < Math.max(SMALLEST_PREFERRED_BYTES, minimumBytes)) {
            throw new IllegalArgumentException("preferred block size " + Integer.toUnsignedString(preferredBytes)
                    + " is not a power of two of at least " + Math.max(SMALLEST_PREFERRED_BYTES, minimumBytes));
        }
        if (maximumBytes < preferredBytes || maximumBytes > 0xffff_ffffL) {
            throw new IllegalArgumentException(
                    "maximum payload size " + maximumBytes + " is below the preferred block size " + preferredBytes);
        }
    }

    long alignDown(long bytes) {
        return bytes & -minimumBytes;
    }

    boolean isAligned(long bytes) {
        return alignDown(bytes) == bytes;
    }
}
