package virtshrink.filesystem.fat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** A set of clusters, one bit each. Not thread-safe. */
final class ClusterSet {
    /** Above every FAT32; two such sets take 64 MiB. */
    static final long MOST_BITS = 1 << 28;

    private final long[] words;
    private final int bits;

    /** @param bits how many clusters there may be, at most {@link #MOST_BITS} */
    ClusterSet(long bits) {
        if (bits < 0 || bits > MOST_BITS) {
            throw new IllegalArgumentException("a set of " + bits + " clusters");
        }
        this.bits = (int) bits;
        this.words = new long[(this.bits + 63) / 64];
    }

    int bits() {
        return bits;
    }

    boolean contains(int bit) {
        return (words[bit / 64] >>> (bit % 64) & 1) != 0;
    }

    /** Whether it was not there before. */
    boolean add(int bit) {
        long before = words[bit / 64];
        words[bit / 64] = before | 1L << (bit % 64);
        return words[bit / 64] != before;
    }

    /** Adds a run of bits; whether none of it was there before. */
    boolean addRun(int from, int to) {
        boolean fresh = nextPresent(from) >= to;
        int at = from;
        while (at < to) {
            int end = Math.min(to, (at / 64 + 1) * 64);
            words[at / 64] |= (-1L >>> (64 - (end - at))) << (at % 64);
            at = end;
        }
        return fresh;
    }

    /** Fills words from a bitmap as it is stored, least significant bit first; bits behind the last are left out. */
    void load(int fromBit, ByteBuffer bitmap) {
        ByteBuffer stored = bitmap.slice().order(ByteOrder.LITTLE_ENDIAN);
        int word = fromBit / 64;
        while (stored.remaining() >= Long.BYTES && word < words.length) {
            words[word++] = stored.getLong();
        }
        for (int shift = 0; stored.hasRemaining() && word < words.length; shift += 8) {
            words[word] |= (stored.get() & 0xffL) << shift;
        }
        if (bits % 64 != 0) {
            words[words.length - 1] &= (1L << (bits % 64)) - 1;
        }
    }

    /** The first bit at or after the given one that is in the set; {@link #bits()} if there is none. */
    int nextPresent(int from) {
        return next(from, 0);
    }

    /** The first bit at or after the given one that is not in the set; {@link #bits()} if there is none. */
    int nextAbsent(int from) {
        return next(from, -1L);
    }

    /** The first bit in this set that is not in the other one of the same size; {@link #bits()} if there is none. */
    int firstNotIn(ClusterSet other) {
        for (int word = 0; word < words.length; word++) {
            long only = words[word] & ~other.words[word];
            if (only != 0) {
                return word * 64 + Long.numberOfTrailingZeros(only);
            }
        }
        return bits;
    }

    private int next(int from, long flip) {
        if (from >= bits) {
            return bits;
        }
        int word = from / 64;
        long rest = (words[word] ^ flip) & (-1L << (from % 64));
        while (rest == 0) {
            word++;
            if (word >= words.length) {
                return bits;
            }
            rest = words[word] ^ flip;
        }
        return Math.min(bits, word * 64 + Long.numberOfTrailingZeros(rest));
    }
}
