package virtshrink.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BitmapTest {
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 7, 8, 9, 63, 64, 65, 127, 128, 1000})
    void findsSetAndClearBitsAsABitSetDoes(int bits) {
        Random random = new Random(bits);
        for (int round = 0; round < 50; round++) {
            byte[] bytes = new byte[(bits + 7) / 8 + random.nextInt(3)];
            random.nextBytes(bytes);
            if (round % 3 == 0) {
                java.util.Arrays.fill(bytes, (byte) (round % 2 == 0 ? 0 : 0xff));
            }
            BitSet expected = BitSet.valueOf(bytes).get(0, bits);
            Bitmap bitmap = new Bitmap(ByteBuffer.wrap(bytes), bits);
            assertEquals(bits - expected.cardinality(), bitmap.countClear());
            for (int from = 0; from <= bits; from++) {
                int set = expected.nextSetBit(from);
                assertEquals(set < 0 ? bits : set, bitmap.nextSet(from));
                assertEquals(Math.min(bits, expected.nextClearBit(from)), bitmap.nextClear(from));
            }
        }
    }

    @org.junit.jupiter.api.Test
    void refusesMoreBitsThanBytes() {
        assertThrows(IllegalArgumentException.class, () -> new Bitmap(ByteBuffer.allocate(1), 9));
        assertThrows(IndexOutOfBoundsException.class, () -> new Bitmap(ByteBuffer.allocate(1), 4).isSet(4));
    }
}
