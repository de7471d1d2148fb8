package virtshrink.block;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4) as a raw register: the caller chooses the start value and nothing is inverted at the end, which
 * is how ext4 and other Linux formats chain it.
 *
 * <p>{@link CRC32C}, which runs on the processor's own instruction, always starts at all ones. The register after four bytes is a one-to-one
 * function of these bytes, so any other start value is reached by feeding it the four bytes that lead there.
 */
public final class Crc32c {
    private static final int POLYNOMIAL = 0x82F63B78;

    private static final int[] REMAINDER = new int[256];
    private static final int[] BYTE_OF_TOP = new int[256];

    static {
        for (int value = 0; value < 256; value++) {
            int register = value;
            for (int bit = 0; bit < 8; bit++) {
                register = (register >>> 1) ^ (POLYNOMIAL & -(register & 1));
            }
            REMAINDER[value] = register;
            // The top bytes of the 256 remainders are all different: a step can be undone.
            BYTE_OF_TOP[register >>> 24] = value;
        }
    }

    private Crc32c() {}

    /**
     * The register after the bytes.
     *
     * @param register before the bytes
     */
    public static int update(int register, byte[] bytes, int offset, int length) {
        CRC32C crc = startedAt(register);
        crc.update(bytes, offset, length);
        return ~(int) crc.getValue();
    }

    public static int update(int register, byte[] bytes) {
        return update(register, bytes, 0, bytes.length);
    }

    /** The register after the buffer's remaining bytes; its position stays. */
    public static int update(int register, ByteBuffer bytes) {
        CRC32C crc = startedAt(register);
        crc.update(bytes.duplicate());
        return ~(int) crc.getValue();
    }

    /** The register after a 32-bit number in little-endian order. */
    public static int updateIntLe(int register, int number) {
        return update(
                register,
                ByteBuffer.allocate(Integer.BYTES)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(number)
                        .flip());
    }

    private static CRC32C startedAt(int register) {
        CRC32C crc = new CRC32C();
        if (register != -1) {
            int before = register;
            for (int step = 0; step < Integer.BYTES; step++) {
                int fed = BYTE_OF_TOP[before >>> 24];
                before = (before ^ REMAINDER[fed]) << 8 | fed;
            }
            // Four zero bytes lead from "before" to the wanted register; what they are combined with is what leads
            // there from all ones.
            crc.update(ByteBuffer.allocate(Integer.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(~before)
                    .flip());
        }
        return crc;
    }
}
