package virtshrink.filesystem.signature;

import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import virtshrink.block.StructureBytes;

/** Names in the notations that several formats share. */
final class Field {
    private Field() {}

    /** Sixteen bytes in the usual notation; empty if they are all zero. */
    static String uuid(StructureBytes bytes, int at) {
        long high = bytes.i64be(at);
        long low = bytes.i64be(at + 8);
        return high == 0 && low == 0 ? "" : new UUID(high, low).toString();
    }

    /** Text to the first zero byte, without the blanks it is padded with. */
    static String label(StructureBytes bytes, int at, int length) {
        return label(bytes, at, length, StandardCharsets.UTF_8);
    }

    static String label(StructureBytes bytes, int at, int length, Charset charset) {
        return bytes.text(at, length, charset).stripTrailing();
    }

    /** UTF-16LE text to the first zero character. */
    static String wideLabel(StructureBytes bytes, int at, int length) {
        String text = new String(bytes.bytes(at, length), StandardCharsets.UTF_16LE);
        int end = text.indexOf('\0');
        return end < 0 ? text : text.substring(0, end);
    }

    static boolean isPowerOfTwo(long value, long least, long most) {
        return value >= least && value <= most && Long.bitCount(value) == 1;
    }

    /** Blocks times block size; 0, meaning unknown, if that is no size. */
    static long bytes(long blocks, long blockBytes) {
        return blocks > 0 && blockBytes > 0 && blocks <= Long.MAX_VALUE / blockBytes ? blocks * blockBytes : 0;
    }
}
