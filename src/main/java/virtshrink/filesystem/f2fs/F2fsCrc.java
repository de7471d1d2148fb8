package virtshrink.filesystem.f2fs;

/** CRC-32 with the reflected polynomial 0xEDB88320, begun with the magic number of the format, and nothing inverted at the end. */
final class F2fsCrc {
    private static final int[] REMAINDER = new int[256];

    static {
        for (int value = 0; value < 256; value++) {
            int register = value;
            for (int bit = 0; bit < 8; bit++) {
                register = (register >>> 1) ^ (0xEDB88320 & -(register & 1));
            }
            REMAINDER[value] = register;
        }
    }

    private F2fsCrc() {}

    static int update(int register, byte[] bytes, int offset, int length) {
        int crc = register;
        for (int at = offset; at < offset + length; at++) {
            crc = (crc >>> 8) ^ REMAINDER[(crc ^ bytes[at]) & 0xff];
        }
        return crc;
    }
}
