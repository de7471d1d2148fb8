package virtshrink.filesystem.ext;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;
import java.util.zip.GZIPInputStream;
import virtshrink.block.BlockSource;
import virtshrink.block.Crc32c;
import virtshrink.filesystem.FilesystemReport;

/**
 * A small filesystem made by mke2fs and debugfs 1.47.0, in memory, to be broken on purpose: 2560 blocks of 1 KiB in five groups, a journal, a
 * few files. {@code metadata_csum} has large descriptors and multiple-mount protection, {@code gdt_csum} small ones, reserved descriptor
 * blocks and an uninitialised group.
 */
final class CapturedImage implements BlockSource {
    static final int SUPERBLOCK = 1024;
    static final int DESCRIPTORS = 2048;
    static final int BLOCK = 1024;
    static final int GROUPS = 5;
    static final int CLUSTERS_PER_GROUP = 512;

    final byte[] bytes;
    private final ByteBuffer fields;
    private final boolean metadataChecksums;

    private CapturedImage(byte[] bytes, boolean metadataChecksums) {
        this.bytes = bytes;
        this.fields = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        this.metadataChecksums = metadataChecksums;
    }

    static CapturedImage metadataCsum() {
        return new CapturedImage(load("metadata_csum.img.gz"), true);
    }

    static CapturedImage gdtCsum() {
        return new CapturedImage(load("gdt_csum.img.gz"), false);
    }

    CapturedImage copy() {
        return new CapturedImage(bytes.clone(), metadataChecksums);
    }

    FilesystemReport read() {
        try {
            return new ExtReader().read(this);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    int u16(int at) {
        return fields.getChar(at);
    }

    int u32(int at) {
        return fields.getInt(at);
    }

    CapturedImage u8(int at, int value) {
        fields.put(at, (byte) value);
        return this;
    }

    CapturedImage u16(int at, int value) {
        fields.putShort(at, (short) value);
        return this;
    }

    CapturedImage u32(int at, long value) {
        fields.putInt(at, (int) value);
        return this;
    }

    /** Sets a field of the superblock and makes its checksum right again. */
    CapturedImage superblock16(int at, int value) {
        return u16(SUPERBLOCK + at, value).sealSuperblock();
    }

    CapturedImage superblock32(int at, long value) {
        return u32(SUPERBLOCK + at, value).sealSuperblock();
    }

    /** Sets a field of a group descriptor and makes its checksum right again. */
    CapturedImage descriptor16(int group, int at, int value) {
        return u16(descriptorAt(group) + at, value).sealDescriptor(group);
    }

    CapturedImage descriptor32(int group, int at, long value) {
        return u32(descriptorAt(group) + at, value).sealDescriptor(group);
    }

    int descriptorBytes() {
        return metadataChecksums ? 64 : 32;
    }

    int descriptorAt(int group) {
        return DESCRIPTORS + group * descriptorBytes();
    }

    int bitmapAt(int group) {
        return u32(descriptorAt(group)) * BLOCK;
    }

    CapturedImage sealSuperblock() {
        if (metadataChecksums) {
            u32(SUPERBLOCK + 0x3FC, Crc32c.update(-1, bytes, SUPERBLOCK, 0x3FC));
        }
        return this;
    }

    CapturedImage sealDescriptor(int group) {
        int at = descriptorAt(group);
        if (metadataChecksums) {
            u16(at + 0x1E, 0);
            int crc = Crc32c.updateIntLe(seed(), group);
            return u16(at + 0x1E, Crc32c.update(crc, bytes, at, descriptorBytes()));
        }
        int crc = Crc16.update(0xffff, bytes, SUPERBLOCK + 0x68, 16);
        crc = Crc16.update(crc, new byte[] {(byte) group, 0, 0, 0}, 0, 4);
        return u16(at + 0x1E, Crc16.update(crc, bytes, at, 0x1E));
    }

    /** Makes the checksum of a changed block bitmap, and of the descriptor that holds it, right again. */
    CapturedImage sealBitmap(int group) {
        if (metadataChecksums) {
            int crc = Crc32c.update(seed(), bytes, bitmapAt(group), CLUSTERS_PER_GROUP / 8);
            u16(descriptorAt(group) + 0x18, crc);
            u16(descriptorAt(group) + 0x38, crc >>> 16);
        }
        return sealDescriptor(group);
    }

    CapturedImage sealAt(int start, int checksumAt) {
        return u32(start + checksumAt, Crc32c.update(seed(), bytes, start, checksumAt));
    }

    private int seed() {
        return Crc32c.update(-1, bytes, SUPERBLOCK + 0x68, 16);
    }

    @Override
    public long sizeBytes() {
        return bytes.length;
    }

    @Override
    public void read(long offsetBytes, ByteBuffer destination) throws IOException {
        if (offsetBytes < 0 || offsetBytes > bytes.length - destination.remaining()) {
            throw new EOFException(destination.remaining() + " bytes at " + offsetBytes);
        }
        destination.put(bytes, (int) offsetBytes, destination.remaining());
    }

    private static byte[] load(String name) {
        try (InputStream resource = Objects.requireNonNull(CapturedImage.class.getResourceAsStream(name), name);
                InputStream unpacked = new GZIPInputStream(resource)) {
            return unpacked.readAllBytes();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}
