package virtshrink.filesystem.ext;

/** CRC-16 with the reflected polynomial 0xA001, register chained by the caller, as {@code gdt_csum} uses it. */
final class Crc16 {
    private static final int[] REMAINDER = new int[256];

    static {
        for (int value = 0; value < 256; value++) {
            int register = value;
            for (int bit = 0; bit < 8; bit++) {
                register = (register >>> 1) ^ (0xA001 & -(register & 1));
            }
            REMAINDER[value] = register;
        }
    }

    private Crc16() {}

    /** The 16-bit register after the bytes. */
    static int update(int register, byte[] bytes, int offset, int length) {
        int crc = register;
        for (int at = offset; at < offset + length; at++) {
            crc = (crc >>> 8) ^ REMAINDER[(crc ^ bytes[at]) & 0xff];
        }
        return crc;
    }
}
