package virtshrink.block;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.util.Random;
import org.junit.jupiter.api.Test;

class Crc32cTest {
    @Test
    void agreesWithTheCheckValueOfItsSpecification() {
        assertEquals(0xE3069283, ~Crc32c.update(-1, "123456789".getBytes(US_ASCII)));
    }

    @Test
    void continuesFromAnyRegisterAsABitwiseComputationDoes() {
        long seed = 4711;
        Random random = new Random(seed);
        for (int round = 0; round < 2000; round++) {
            int register = round < 33 ? (round == 0 ? 0 : 1 << (round - 1)) : random.nextInt();
            byte[] bytes = new byte[random.nextInt(40)];
            random.nextBytes(bytes);
            int expected = bitwise(register, bytes);
            assertEquals(expected, Crc32c.update(register, bytes), "seed " + seed + ", round " + round);
            assertEquals(expected, Crc32c.update(register, ByteBuffer.wrap(bytes)));
        }
    }

    @Test
    void chainsOverPieces() {
        byte[] bytes = "the quick brown fox jumps over the lazy dog".getBytes(US_ASCII);
        int first = Crc32c.update(0x12345678, bytes, 0, 10);
        assertEquals(Crc32c.update(0x12345678, bytes), Crc32c.update(first, bytes, 10, bytes.length - 10));
    }

    @Test
    void takesNumbersInLittleEndianOrder() {
        assertEquals(Crc32c.update(7, new byte[] {4, 3, 2, 1}), Crc32c.updateIntLe(7, 0x01020304));
    }

    @Test
    void leavesTheBufferWhereItIs() {
        ByteBuffer buffer = ByteBuffer.allocate(8).position(3);
        Crc32c.update(-1, buffer);
        assertEquals(3, buffer.position());
    }

    private static int bitwise(int register, byte[] bytes) {
        int crc = register;
        for (byte b : bytes) {
            crc ^= b & 0xff;
            for (int bit = 0; bit < 8; bit++) {
                crc = (crc >>> 1) ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
            }
        }
        return crc;
    }
}
