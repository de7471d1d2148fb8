package virtshrink.block;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A bitmap as filesystems store it: bit {@code n} is bit {@code n % 8}, counted from the least significant, of byte {@code n / 8}.
 * Immutable.
 */
public final class Bitmap {
    private final ByteBuffer words;
    private final int bits;

    /**
     * @param content the bitmap's bytes (remaining bytes are copied)
     * @param bits how many bits count, at most eight times the bytes
     */
    public Bitmap(ByteBuffer content, int bits) {
        if (bits < 0 || bits > content.remaining() * 8L) {
            throw new IllegalArgumentException(bits + " bits in " + content.remaining() + " bytes");
        }
        int padded = (content.remaining() + 7) / 8 * 8;
        this.words = ByteBuffer.allocate(padded).order(ByteOrder.LITTLE_ENDIAN);
        words.put(0, content, content.position(), content.remaining());
        this.bits = bits;
    }

    public int bits() {
        return bits;
    }

    public boolean isSet(int bit) {
        if (bit < 0 || bit >= bits) {
            throw new IndexOutOfBoundsException(bit);
        }
        return (words.get(bit / 8) >> (bit % 8) & 1) != 0;
    }

    /** The first set bit at or after the given one, or {@link #bits()} if there is none. */
    public int nextSet(int from) {
        return next(from, 0);
    }

    /** The first clear bit at or after the given one, or {@link #bits()} if there is none. */
    public int nextClear(int from) {
        return next(from, -1L);
    }

    /** Number of clear bits. */
    public int countClear() {
        int set = 0;
        int whole = bits / 64;
        for (int word = 0; word < whole; word++) {
            set += Long.bitCount(words.getLong(word * 8));
        }
        if (bits % 64 != 0) {
            set += Long.bitCount(words.getLong(whole * 8) & ((1L << bits % 64) - 1));
        }
        return bits - set;
    }

    private int next(int from, long flip) {
        int word = from / 64;
        if (from >= bits) {
            return bits;
        }
        long rest = (words.getLong(word * 8) ^ flip) & (-1L << from % 64);
        while (rest == 0) {
            word++;
            if (word * 64L >= bits) {
                return bits;
            }
            rest = words.getLong(word * 8) ^ flip;
        }
        return Math.min(bits, word * 64 + Long.numberOfTrailingZeros(rest));
    }
}
