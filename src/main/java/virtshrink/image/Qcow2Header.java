package virtshrink.image;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * {@code QCowHeader} and its extensions: the first cluster of a qcow2 image, as in qemu's {@code docs/interop/qcow2.txt}, with the limits
 * that qemu itself keeps.
 *
 * @param version 2 (compat 0.10) or 3 (compat 1.1)
 * @param backingName the backing file's name as written
 * @param clusterBits 9 to 21
 * @param sizeBytes of the guest's disk, at least 0
 * @param cryptMethod 0 none, 1 AES, 2 LUKS
 * @param l1Entries entries of the active L1 table
 * @param snapshots number of internal snapshots
 * @param incompatibleFeatures bit set
 * @param compatibleFeatures bit set
 * @param autoclearFeatures bit set
 * @param refcountOrder 0 to 6: a reference count has 2 to the power of it bits
 * @param compressionType 0 zlib, 1 zstd, others unknown
 * @param unknownFields the header has fields that were added later and are not 0
 */
record Qcow2Header(
        int version,
        Optional<String> backingName,
        int clusterBits,
        long sizeBytes,
        int cryptMethod,
        int l1Entries,
        long l1TableOffset,
        long refcountTableOffset,
        int refcountTableClusters,
        int snapshots,
        long incompatibleFeatures,
        long compatibleFeatures,
        long autoclearFeatures,
        int refcountOrder,
        int compressionType,
        boolean unknownFields,
        Qcow2Extensions extensions) {
    static final int MAGIC = 0x514649fb;
    static final long DIRTY = 1;
    static final long CORRUPT = 1 << 1;
    static final long DATA_FILE = 1 << 2;
    static final long COMPRESSION_TYPE = 1 << 3;
    static final long EXTENDED_L2 = 1 << 4;
    static final long KNOWN_INCOMPATIBLE = DIRTY | CORRUPT | DATA_FILE | COMPRESSION_TYPE | EXTENDED_L2;
    static final long LAZY_REFCOUNTS = 1;
    static final long BITMAPS = 1;
    static final long RAW_DATA_FILE = 1 << 1;

    private static final String NAME = "QCowHeader";
    private static final int V2_BYTES = 72;
    private static final int V3_BYTES = 104;
    private static final int MOST_CLUSTER_BYTES = 1 << 21;
    private static final int MOST_NAME_BYTES = 1023;
    private static final int MOST_L1_BYTES = 32 << 20;
    private static final int MOST_REFCOUNT_TABLE_BYTES = 8 << 20;
    private static final int MOST_SNAPSHOTS = 65536;
    /** L1, L2 and refcount table entries have 56 bits for an offset. */
    private static final long MOST_OFFSET = 1L << 56;

    /**
     * Reads from an open file; the channel's position does not matter.
     *
     * @throws CorruptStructureException if it is no qcow2 header
     */
    static Qcow2Header read(FileChannel channel) throws IOException {
        ByteBuffer start = readUpTo(channel, V3_BYTES);
        StructureBytes header = new StructureBytes(NAME, 0, start);
        int clusterBytes = 1 << clusterBits(header);
        return parse(readUpTo(channel, clusterBytes));
    }

    /** Whether a file begins as a qcow2 image does. */
    static boolean hasMagic(FileChannel channel) throws IOException {
        ByteBuffer start = readUpTo(channel, 4);
        return start.remaining() == 4 && start.getInt(0) == MAGIC;
    }

    /**
     * Parses the first cluster, or as much of it as the file has.
     *
     * @throws CorruptStructureException if it contradicts the specification or is beyond its limits
     */
    static Qcow2Header parse(ByteBuffer firstCluster) {
        StructureBytes h = new StructureBytes(NAME, 0, firstCluster);
        int clusterBits = clusterBits(h);
        int version = (int) h.u32be(4);
        long backingFileOffset = h.i64be(8);
        long backingFileSize = h.u32be(16);
        long size = h.u63be(24);
        long cryptMethod = h.u32be(32);
        long l1Size = h.u32be(36);
        long l1TableOffset = h.i64be(40);
        long refcountTableOffset = h.i64be(48);
        long refcountTableClusters = h.u32be(56);
        long nbSnapshots = h.u32be(60);
        boolean v3 = version == 3;
        long incompatible = v3 ? h.i64be(72) : 0;
        long compatible = v3 ? h.i64be(80) : 0;
        long autoclear = v3 ? h.i64be(88) : 0;
        long refcountOrder = v3 ? h.u32be(96) : 4;
        long headerLength = v3 ? h.u32be(100) : V2_BYTES;

        int clusterBytes = 1 << clusterBits;
        verify(
                headerLength >= (v3 ? V3_BYTES : V2_BYTES) && headerLength <= clusterBytes && headerLength % 8 == 0,
                100,
                "header_length " + headerLength);
        verify(refcountOrder <= 6, 96, "refcount_order " + refcountOrder);
        verify(cryptMethod <= 2, 32, "crypt_method " + cryptMethod);
        verify(nbSnapshots <= MOST_SNAPSHOTS, 60, "nb_snapshots " + nbSnapshots);
        verifyTable(l1TableOffset, l1Size * 8, MOST_L1_BYTES, clusterBytes, 40, "l1_table");
        long refcountTableBytes = refcountTableClusters * clusterBytes;
        verify(refcountTableBytes > 0, 56, "no refcount table");
        verifyTable(
                refcountTableOffset, refcountTableBytes, MOST_REFCOUNT_TABLE_BYTES, clusterBytes, 48, "refcount_table");
        boolean extendedL2 = (incompatible & EXTENDED_L2) != 0;
        verify(!extendedL2 || clusterBits >= 14, 20, "extended L2 entries in clusters of " + clusterBytes);
        verifyL1Covers(size, l1Size, (long) clusterBytes * (clusterBytes / (extendedL2 ? 16 : 8)));

        int compressionType = headerLength > 104 ? h.u8(104) : 0;
        verify(
                (compressionType != 0) == ((incompatible & COMPRESSION_TYPE) != 0),
                104,
                "compression_type " + compressionType + " contradicts its feature bit");
        boolean unknownFields = false;
        for (int at = 105; at < headerLength; at++) {
            unknownFields |= h.u8(at) != 0;
        }

        boolean backed = backingFileOffset != 0;
        verify(
                !backed || (backingFileOffset >= headerLength && backingFileOffset <= clusterBytes),
                8,
                "backing_file_offset " + backingFileOffset);
        Qcow2Extensions extensions =
                Qcow2Extensions.parse(h, (int) headerLength, backed ? (int) backingFileOffset : clusterBytes);
        boolean bitmapsBit = (autoclear & BITMAPS) != 0;
        verify(!bitmapsBit || extensions.bitmaps() > 0, 88, "bitmaps bit without bitmaps extension");
        return new Qcow2Header(
                version,
                backed ? backingName(h, (int) backingFileOffset, backingFileSize, clusterBytes) : Optional.empty(),
                clusterBits,
                size,
                (int) cryptMethod,
                (int) l1Size,
                l1TableOffset,
                refcountTableOffset,
                (int) refcountTableClusters,
                (int) nbSnapshots,
                incompatible,
                compatible,
                autoclear,
                (int) refcountOrder,
                compressionType,
                unknownFields,
                extensions);
    }

    /**
     * Only the backing file's name, of any version, believing nothing else: for telling whether some file may stand on another. Empty if it
     * has none, or one that qemu could not read either.
     */
    static Optional<byte[]> rawBackingName(FileChannel channel) throws IOException {
        ByteBuffer start = readUpTo(channel, 20);
        if (start.remaining() < 20) {
            return Optional.empty();
        }
        long offset = start.getLong(8);
        long length = Integer.toUnsignedLong(start.getInt(16));
        if (offset <= 0 || offset > MOST_CLUSTER_BYTES || length == 0 || length > MOST_NAME_BYTES) {
            return Optional.empty();
        }
        byte[] name = new byte[(int) length];
        try {
            readFully(channel, offset, ByteBuffer.wrap(name));
        } catch (EOFException cutShort) {
            return Optional.empty();
        }
        return Optional.of(name);
    }

    boolean hasIncompatible(long feature) {
        return (incompatibleFeatures & feature) != 0;
    }

    /** Cluster size in bytes. */
    int clusterBytes() {
        return 1 << clusterBits;
    }

    private static int clusterBits(StructureBytes header) {
        long magic = header.u32be(0);
        long version = header.u32be(4);
        long clusterBits = header.u32be(20);
        verify(magic == Integer.toUnsignedLong(MAGIC), 0, "no qcow2 magic");
        verify(version == 2 || version == 3, 4, "version " + version);
        verify(
                clusterBits >= 9 && 1L << Math.min(clusterBits, 62) <= MOST_CLUSTER_BYTES,
                20,
                "cluster_bits " + clusterBits);
        return (int) clusterBits;
    }

    private static void verifyTable(
            long offset, long bytes, long mostBytes, int clusterBytes, int fieldAt, String table) {
        verify(bytes <= mostBytes, fieldAt, table + " of " + bytes + " bytes");
        verify(
                offset >= 0 && offset < MOST_OFFSET && offset % clusterBytes == 0 && (bytes == 0 || offset > 0),
                fieldAt,
                table + " offset " + offset);
    }

    private static void verifyL1Covers(long size, long l1Size, long bytesPerEntry) {
        long needed = size / bytesPerEntry + (size % bytesPerEntry == 0 ? 0 : 1);
        verify(needed <= l1Size, 36, "l1_size %d, where %d are needed".formatted(l1Size, needed));
    }

    private static Optional<String> backingName(StructureBytes header, int at, long length, int clusterBytes) {
        verify(length <= Math.min(MOST_NAME_BYTES, clusterBytes - at), 16, "backing_file_size " + length);
        return length == 0 ? Optional.empty() : Optional.of(strictText(header, at, (int) length, "backing file name"));
    }

    /** Text that is what it looks like: UTF-8 without zero bytes. */
    static String strictText(StructureBytes header, int at, int length, String what) {
        byte[] bytes = header.bytes(at, length);
        String text = new String(bytes, StandardCharsets.UTF_8);
        boolean exact = Arrays.equals(text.getBytes(StandardCharsets.UTF_8), bytes);
        verify(exact && text.indexOf('\0') < 0, at, what + " is no text");
        return text;
    }

    private static ByteBuffer readUpTo(FileChannel channel, int mostBytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(mostBytes, channel.size()));
        readFully(channel, 0, buffer);
        return buffer.flip();
    }

    private static void readFully(FileChannel channel, long at, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, at + buffer.position()) < 0) {
                throw new EOFException("the file became shorter while it was read");
            }
        }
    }

    private static void verify(boolean condition, int fieldAt, String reason) {
        CorruptStructureException.verify(condition, NAME, fieldAt, reason);
    }
}
