package virtshrink.filesystem.btrfs;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * BLAKE2b without a key and with 32 bytes of output, after RFC 7693. Written here because the Java platform has none and the libraries that
 * do are as large as the rest of this program.
 */
final class Blake2b256 {
    static final int LENGTH_BYTES = 32;

    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int BLOCK_BYTES = 128;
    private static final int ROUNDS = 12;

    private static final long[] IV = {
        0x6A09E667F3BCC908L,
        0xBB67AE8584CAA73BL,
        0x3C6EF372FE94F82BL,
        0xA54FF53A5F1D36F1L,
        0x510E527FADE682D1L,
        0x9B05688C2B3E6C1FL,
        0x1F83D9ABFB41BD6BL,
        0x5BE0CD19137E2179L
    };

    private static final int[][] SIGMA = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
        {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
        {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
        {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
        {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
        {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
        {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
        {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
        {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
        {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}
    };

    private final long[] state = IV.clone();
    private final long[] work = new long[16];
    private final long[] message = new long[16];

    private Blake2b256() {
        // The parameter block: digest length, no key, fanout 1, depth 1.
        state[0] ^= 0x01010000L ^ LENGTH_BYTES;
    }

    static byte[] of(byte[] bytes, int offset, int length) {
        Blake2b256 digest = new Blake2b256();
        int done = 0;
        // The last block, even a whole one, is compressed with its mark.
        while (length - done > BLOCK_BYTES) {
            digest.load(bytes, offset + done);
            done += BLOCK_BYTES;
            digest.compress(done, false);
        }
        byte[] last = new byte[BLOCK_BYTES];
        System.arraycopy(bytes, offset + done, last, 0, length - done);
        digest.load(last, 0);
        digest.compress(length, true);
        byte[] hash = new byte[LENGTH_BYTES];
        for (int i = 0; i < LENGTH_BYTES / 8; i++) {
            LONG.set(hash, i * 8, digest.state[i]);
        }
        return hash;
    }

    private void load(byte[] bytes, int at) {
        for (int i = 0; i < 16; i++) {
            message[i] = (long) LONG.get(bytes, at + i * 8);
        }
    }

    private void compress(long countBytes, boolean last) {
        System.arraycopy(state, 0, work, 0, 8);
        System.arraycopy(IV, 0, work, 8, 8);
        work[12] ^= countBytes;
        if (last) {
            work[14] = ~work[14];
        }
        for (int round = 0; round < ROUNDS; round++) {
            int[] s = SIGMA[round % SIGMA.length];
            mix(0, 4, 8, 12, message[s[0]], message[s[1]]);
            mix(1, 5, 9, 13, message[s[2]], message[s[3]]);
            mix(2, 6, 10, 14, message[s[4]], message[s[5]]);
            mix(3, 7, 11, 15, message[s[6]], message[s[7]]);
            mix(0, 5, 10, 15, message[s[8]], message[s[9]]);
            mix(1, 6, 11, 12, message[s[10]], message[s[11]]);
            mix(2, 7, 8, 13, message[s[12]], message[s[13]]);
            mix(3, 4, 9, 14, message[s[14]], message[s[15]]);
        }
        for (int i = 0; i < 8; i++) {
            state[i] ^= work[i] ^ work[i + 8];
        }
    }

    private void mix(int a, int b, int c, int d, long x, long y) {
        work[a] += work[b] + x;
        work[d] = Long.rotateRight(work[d] ^ work[a], 32);
        work[c] += work[d];
        work[b] = Long.rotateRight(work[b] ^ work[c], 24);
        work[a] += work[b] + y;
        work[d] = Long.rotateRight(work[d] ^ work[a], 16);
        work[c] += work[d];
        work[b] = Long.rotateRight(work[b] ^ work[c], 63);
    }
}
