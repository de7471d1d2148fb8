package virtshrink.block;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** A small disk in memory whose bytes a test may set, at any offset. */
public final class MemoryDisk implements BlockSource {
    private final byte[] bytes;

    public MemoryDisk(int sizeBytes) {
        this(new byte[sizeBytes]);
    }

    private MemoryDisk(byte[] bytes) {
        this.bytes = bytes;
    }

    public static MemoryDisk load(Path image) throws IOException {
        return new MemoryDisk(Files.readAllBytes(image));
    }

    public MemoryDisk copy() {
        return new MemoryDisk(bytes.clone());
    }

    /** The same beginning, cut short or followed by zeros. */
    public MemoryDisk resized(int sizeBytes) {
        return new MemoryDisk(Arrays.copyOf(bytes, sizeBytes));
    }

    public byte[] bytes() {
        return bytes;
    }

    public MemoryDisk put(int at, int... values) {
        for (int i = 0; i < values.length; i++) {
            bytes[at + i] = (byte) values[i];
        }
        return this;
    }

    /** Text, one byte a character. */
    public MemoryDisk put(int at, String text) {
        byte[] raw = text.getBytes(StandardCharsets.ISO_8859_1);
        System.arraycopy(raw, 0, bytes, at, raw.length);
        return this;
    }

    public MemoryDisk putBytes(int at, byte[] raw) {
        System.arraycopy(raw, 0, bytes, at, raw.length);
        return this;
    }

    public MemoryDisk u16le(int at, int value) {
        little().putShort(at, (short) value);
        return this;
    }

    public MemoryDisk u32le(int at, long value) {
        little().putInt(at, (int) value);
        return this;
    }

    public MemoryDisk u32be(int at, long value) {
        ByteBuffer.wrap(bytes).putInt(at, (int) value);
        return this;
    }

    public MemoryDisk u64le(int at, long value) {
        little().putLong(at, value);
        return this;
    }

    public long u64le(int at) {
        return little().getLong(at);
    }

    private ByteBuffer little() {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    @Override
    public long sizeBytes() {
        return bytes.length;
    }

    @Override
    public void read(long offsetBytes, ByteBuffer destination) throws IOException {
        if (offsetBytes < 0 || offsetBytes > bytes.length - destination.remaining()) {
            throw new EOFException(destination.remaining() + " bytes at " + offsetBytes + " of " + bytes.length);
        }
        destination.put(bytes, (int) offsetBytes, destination.remaining());
    }
}
