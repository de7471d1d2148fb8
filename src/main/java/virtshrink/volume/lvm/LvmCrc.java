package virtshrink.volume.lvm;

/** The checksum of LVM2: the CRC-32 of IEEE 802.3, started at a value of its own and not inverted at the end. */
final class LvmCrc {
    private static final int INITIAL = 0xF597A6CF;
    private static final int POLYNOMIAL = 0xEDB88320;
    private static final int[] TABLE = new int[256];

    static {
        for (int value = 0; value < 256; value++) {
            int register = value;
            for (int bit = 0; bit < 8; bit++) {
                register = (register >>> 1) ^ (POLYNOMIAL & -(register & 1));
            }
            TABLE[value] = register;
        }
    }

    private LvmCrc() {}

    static long of(byte[] bytes) {
        return of(bytes, 0, bytes.length);
    }

    static long of(byte[] bytes, int offset, int length) {
        int register = INITIAL;
        for (int at = offset; at < offset + length; at++) {
            register = (register >>> 8) ^ TABLE[(register ^ bytes[at]) & 0xFF];
        }
        return Integer.toUnsignedLong(register);
    }
}
