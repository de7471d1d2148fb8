package virtshrink.filesystem.ext;

/** CRC-32 with the polynomial 0x04C11DB7, most significant bit first, register chained by the caller: what jbd2 sums up a transaction with. */
final class Crc32Be {
    private static final int[] REMAINDER = new int[256];

    static {
        for (int value = 0; value < 256; value++) {
            int register = value << 24;
            for (int bit = 0; bit < 8; bit++) {
                register = (register << 1) ^ (0x04C11DB7 & (register >> 31));
            }
            REMAINDER[value] = register;
        }
    }

    private Crc32Be() {}

    /** The register after the bytes. */
    static int update(int register, byte[] bytes) {
        int crc = register;
        for (byte next : bytes) {
            crc = (crc << 8) ^ REMAINDER[(crc >>> 24) ^ (next & 0xff)];
        }
        return crc;
    }
}
