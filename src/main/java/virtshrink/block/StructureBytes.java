package virtshrink.block;

import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.util.Arrays;

/**
 * The bytes of one on-disk structure with bounds-checked access to its fields; unsigned values come back in the next larger type, 64-bit
 * ones as they are. An access beyond the end is a {@link CorruptStructureException}, never another exception. Immutable.
 */
public final class StructureBytes {
    private final String structure;
    private final long offsetBytes;
    private final byte[] bytes;

    /**
     * @param structure the specification's name of the structure
     * @param offsetBytes where it lies in its volume, for messages
     * @param content remaining bytes are copied
     */
    public StructureBytes(String structure, long offsetBytes, ByteBuffer content) {
        this.structure = structure;
        this.offsetBytes = offsetBytes;
        this.bytes = new byte[content.remaining()];
        content.duplicate().get(bytes);
    }

    public String structure() {
        return structure;
    }

    public long offsetBytes() {
        return offsetBytes;
    }

    public int length() {
        return bytes.length;
    }

    public int u8(int at) {
        check(at, 1);
        return bytes[at] & 0xff;
    }

    public int u16le(int at) {
        check(at, 2);
        return (bytes[at] & 0xff) | (bytes[at + 1] & 0xff) << 8;
    }

    public int u16be(int at) {
        check(at, 2);
        return (bytes[at] & 0xff) << 8 | (bytes[at + 1] & 0xff);
    }

    public long u32le(int at) {
        check(at, 4);
        return (u16le(at) | (long) u16le(at + 2) << 16);
    }

    public long u32be(int at) {
        check(at, 4);
        return ((long) u16be(at) << 16 | u16be(at + 2));
    }

    public long i64le(int at) {
        check(at, 8);
        return u32le(at) | u32le(at + 4) << 32;
    }

    public long i64be(int at) {
        check(at, 8);
        return u32be(at) << 32 | u32be(at + 4);
    }

    /** A 64-bit field that means a count or position: a value with the top bit set is corrupt. */
    public long u63le(int at) {
        long value = i64le(at);
        CorruptStructureException.verify(value >= 0, structure, offsetBytes + at, "64-bit value out of range");
        return value;
    }

    /** As {@link #u63le}, big-endian. */
    public long u63be(int at) {
        long value = i64be(at);
        CorruptStructureException.verify(value >= 0, structure, offsetBytes + at, "64-bit value out of range");
        return value;
    }

    public byte[] bytes(int at, int length) {
        check(at, length);
        return Arrays.copyOfRange(bytes, at, at + length);
    }

    public boolean matches(int at, byte[] expected) {
        check(at, expected.length);
        return Arrays.equals(bytes, at, at + expected.length, expected, 0, expected.length);
    }

    /** Text up to the first zero byte, at most {@code length} bytes. */
    public String text(int at, int length, Charset charset) {
        byte[] field = bytes(at, length);
        int end = 0;
        while (end < field.length && field[end] != 0) {
            end++;
        }
        return new String(field, 0, end, charset);
    }

    /** A corrupt-structure exception that names this structure and the field's place in the volume. */
    public CorruptStructureException corrupt(int at, String reason) {
        return new CorruptStructureException(structure, offsetBytes + at, reason);
    }

    private void check(int at, int length) {
        if (at < 0 || length < 0 || at > bytes.length - length) {
            throw new CorruptStructureException(
                    structure,
                    offsetBytes + Math.max(at, 0),
                    "a field of %d bytes at %d reaches beyond the %d bytes present"
                            .formatted(length, at, bytes.length));
        }
    }
}
