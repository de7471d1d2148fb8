package virtshrink.filesystem.btrfs;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * {@code struct btrfs_super_block}, 4096 bytes at offset 64 KiB: the fields that matter here. Its copies at 64 MiB and 256 GiB, as far as
 * the device reaches, are written with every transaction and differ in their own address and checksum only.
 *
 * @param fsid the UUID that users see
 * @param metadataUuid the UUID that tree blocks carry: {@code fsid}, unless {@code metadata_uuid} says otherwise
 * @param sysChunkArray keys and chunks of the chunks that hold the chunk tree
 */
record BtrfsSuperBlock(
        BtrfsUuid fsid,
        BtrfsUuid metadataUuid,
        long flags,
        long generation,
        long root,
        int rootLevel,
        long chunkRoot,
        int chunkRootLevel,
        long chunkRootGeneration,
        long logRoot,
        long totalBytes,
        long bytesUsed,
        long numDevices,
        int sectorBytes,
        int nodeBytes,
        BtrfsChecksum checksum,
        BtrfsFeatures features,
        BtrfsDevItem devItem,
        String label,
        StructureBytes sysChunkArray) {
    static final String STRUCTURE = "btrfs_super_block";
    static final long OFFSET_BYTES = 64 << 10;
    static final int LENGTH_BYTES = 4096;
    static final int MAGIC_AT = 0x40;
    static final byte[] MAGIC = "_BHRfS_M".getBytes(ISO_8859_1);

    /** The highest level of a tree's root is one less. */
    static final int MOST_LEVELS = 8;

    private static final long[] MIRRORS = {64L << 20, 256L << 30};
    private static final int BYTENR_AT = 0x30;
    private static final int DEV_ITEM_AT = 0xC9;
    private static final int SYS_CHUNK_ARRAY_AT = 0x32B;
    private static final int SYS_CHUNK_ARRAY_BYTES = 2048;
    private static final int LEAST_BLOCK_BYTES = 4096;
    private static final int MOST_BLOCK_BYTES = 65536;

    private static final long FLAG_WRITTEN = 0x1;
    private static final long FLAG_ERROR = 0x4;
    private static final long FLAG_SEEDING = 1L << 32;
    private static final long FLAGS_METADUMP = 3L << 33;
    private static final long FLAGS_CHANGING = 0x3FL << 35;

    /**
     * Reads the first superblock.
     *
     * @param volume that holds at least this one
     * @throws virtshrink.block.CorruptStructureException if it contradicts the format
     */
    static BtrfsSuperBlock read(BlockSource volume) throws IOException {
        return parse(bytesAt(volume, OFFSET_BYTES));
    }

    /**
     * Compares the copies with the first superblock.
     *
     * @throws virtshrink.block.CorruptStructureException if one contradicts the format or the first
     */
    static void checkMirrors(BlockSource volume) throws IOException {
        StructureBytes first = bytesAt(volume, OFFSET_BYTES);
        BtrfsSuperBlock superblock = parse(first);
        for (long mirror : MIRRORS) {
            // The kernel and the tools differ on whether the last byte of the device may be a copy's: not needed there.
            if (mirror + LENGTH_BYTES < superblock.devItem.totalBytes()) {
                superblock.compare(first, bytesAt(volume, mirror));
            }
        }
    }

    /**
     * Checks what the superblock says of its only device.
     *
     * @throws CorruptStructureException if that is another device, or larger than the volume
     */
    void checkDevice(long volumeBytes) {
        int at = (int) OFFSET_BYTES + DEV_ITEM_AT;
        if (!devItem.fsid().equals(metadataUuid)) {
            throw new CorruptStructureException(
                    STRUCTURE, at, "device of filesystem %s, expected %s".formatted(devItem.fsid(), metadataUuid));
        }
        // Before Linux 4.14 the device's size was not rounded to sectors.
        if (totalBytes - totalBytes % sectorBytes != deviceBytes()) {
            throw new CorruptStructureException(
                    STRUCTURE,
                    at,
                    "filesystem of %d bytes on a device of %d".formatted(totalBytes, devItem.totalBytes()));
        }
        if (Math.max(totalBytes, devItem.totalBytes()) > volumeBytes) {
            throw new CorruptStructureException(
                    STRUCTURE,
                    at,
                    "filesystem of %d bytes in a volume of %d"
                            .formatted(Math.max(totalBytes, devItem.totalBytes()), volumeBytes));
        }
    }

    /** What the filesystem may use of the device, in whole sectors. */
    long deviceBytes() {
        return devItem.totalBytes() - devItem.totalBytes() % sectorBytes;
    }

    /** Every place where a superblock may lie. */
    static List<Long> places() {
        return List.of(OFFSET_BYTES, MIRRORS[0], MIRRORS[1]);
    }

    /** Reads and checks a superblock by itself: its magic number, its checksum, and the fields that decide how others are read. */
    static BtrfsSuperBlock parse(StructureBytes bytes) {
        BtrfsUuid fsid = BtrfsUuid.parse(bytes, 0x20);
        long bytenr = bytes.i64le(BYTENR_AT);
        long flags = bytes.i64le(0x38);
        boolean magic = bytes.matches(MAGIC_AT, MAGIC);
        long generation = bytes.u63le(0x48);
        long root = bytes.u63le(0x50);
        long chunkRoot = bytes.u63le(0x58);
        long logRoot = bytes.i64le(0x60);
        long totalBytes = bytes.u63le(0x70);
        long bytesUsed = bytes.u63le(0x78);
        long numDevices = bytes.u63le(0x88);
        long sectorsize = bytes.u32le(0x90);
        long nodesize = bytes.u32le(0x94);
        long leafsize = bytes.u32le(0x98);
        long sysChunkArraySize = bytes.u32le(0xA0);
        long chunkRootGeneration = bytes.u63le(0xA4);
        BtrfsFeatures features = new BtrfsFeatures(bytes.i64le(0xBC), bytes.i64le(0xB4));
        int csumType = bytes.u16le(0xC4);
        int rootLevel = bytes.u8(0xC6);
        int chunkRootLevel = bytes.u8(0xC7);
        String label = bytes.text(0x12B, 256, UTF_8);
        BtrfsUuid metadataUuid = BtrfsUuid.parse(bytes, 0x23B);

        require(magic, bytes, MAGIC_AT, () -> "no magic number");
        Optional<BtrfsChecksum> checksum = BtrfsChecksum.ofType(csumType);
        require(checksum.isPresent(), bytes, 0xC4, () -> "unknown checksum algorithm %d".formatted(csumType));
        require(checksum.get().matches(bytes.bytes(0, LENGTH_BYTES)), bytes, 0, () -> "checksum does not match");
        require(bytenr == bytes.offsetBytes(), bytes, BYTENR_AT, () -> "claims to lie at %d".formatted(bytenr));
        require(
                isPowerOfTwo(sectorsize) && sectorsize >= LEAST_BLOCK_BYTES && sectorsize <= MOST_BLOCK_BYTES,
                bytes,
                0x90,
                () -> "sector size %d".formatted(sectorsize));
        require(
                isPowerOfTwo(nodesize) && nodesize >= sectorsize && nodesize <= MOST_BLOCK_BYTES,
                bytes,
                0x94,
                () -> "node size %d".formatted(nodesize));
        require(leafsize == nodesize, bytes, 0x98, () -> "leaf size %d, node size %d".formatted(leafsize, nodesize));
        require(rootLevel < MOST_LEVELS, bytes, 0xC6, () -> "root level %d".formatted(rootLevel));
        require(chunkRootLevel < MOST_LEVELS, bytes, 0xC7, () -> "chunk root level %d".formatted(chunkRootLevel));
        require(
                chunkRootGeneration <= generation,
                bytes,
                0xA4,
                () -> "chunk root of generation %d, later than %d".formatted(chunkRootGeneration, generation));
        require(
                sysChunkArraySize <= SYS_CHUNK_ARRAY_BYTES,
                bytes,
                0xA0,
                () -> "system chunk array of %d bytes".formatted(sysChunkArraySize));
        require(bytesUsed <= totalBytes, bytes, 0x78, () -> "%d bytes used of %d".formatted(bytesUsed, totalBytes));
        return new BtrfsSuperBlock(
                fsid,
                features.hasIncompat(BtrfsFeatures.INCOMPAT_METADATA_UUID) ? metadataUuid : fsid,
                flags,
                generation,
                root,
                rootLevel,
                chunkRoot,
                chunkRootLevel,
                chunkRootGeneration,
                logRoot,
                totalBytes,
                bytesUsed,
                numDevices,
                (int) sectorsize,
                (int) nodesize,
                checksum.get(),
                features,
                BtrfsDevItem.parse(bytes, DEV_ITEM_AT),
                label,
                new StructureBytes(
                        "sys_chunk_array",
                        bytes.offsetBytes() + SYS_CHUNK_ARRAY_AT,
                        ByteBuffer.wrap(bytes.bytes(SYS_CHUNK_ARRAY_AT, (int) sysChunkArraySize))));
    }

    /** What marks a guest, or a tool, that did not finish. */
    Optional<String> whyDirty() {
        if (logRoot != 0) {
            return Optional.of(
                    "the log tree is in use: not cleanly unmounted, or still mounted; start the guest and shut it down");
        } else if ((flags & FLAG_ERROR) != 0) {
            return Optional.of("marked as containing errors: needs btrfs check");
        } else if ((flags & FLAGS_CHANGING) != 0) {
            return Optional.of("a conversion by btrfstune has not finished (flags 0x%x)".formatted(flags));
        }
        return Optional.empty();
    }

    /** What is declared here and not supported. */
    Optional<String> whyUnsupported() {
        Optional<String> feature = features.whyUnsupported();
        if (feature.isPresent()) {
            return feature;
        } else if (numDevices != 1) {
            return Optional.of("one of %d devices of a btrfs".formatted(numDevices));
        } else if ((flags & FLAG_SEEDING) != 0) {
            return Optional.of("seed device, on which other filesystems may stand");
        } else if ((flags & FLAGS_METADUMP) != 0) {
            return Optional.of("an image of metadata without data (btrfs-image)");
        } else if ((flags & ~FLAG_WRITTEN) != 0) {
            return Optional.of("unknown superblock flags 0x%x".formatted(flags));
        }
        return Optional.empty();
    }

    private static StructureBytes bytesAt(BlockSource volume, long offsetBytes) throws IOException {
        return new StructureBytes(STRUCTURE, offsetBytes, volume.read(offsetBytes, LENGTH_BYTES));
    }

    private void compare(StructureBytes first, StructureBytes mirror) {
        BtrfsSuperBlock other = parse(mirror);
        require(
                other.generation == generation,
                mirror,
                0x48,
                () -> "generation %d, but %d in the first superblock".formatted(other.generation, generation));
        byte[] ours = withoutPlace(first);
        byte[] theirs = withoutPlace(mirror);
        int differs = Arrays.mismatch(ours, theirs);
        require(differs < 0, mirror, Math.max(differs, 0), () -> "differs from the first superblock");
    }

    private static byte[] withoutPlace(StructureBytes bytes) {
        byte[] content = bytes.bytes(0, LENGTH_BYTES);
        Arrays.fill(content, 0, BtrfsChecksum.FIELD_BYTES, (byte) 0);
        Arrays.fill(content, BYTENR_AT, BYTENR_AT + Long.BYTES, (byte) 0);
        return content;
    }

    private static boolean isPowerOfTwo(long value) {
        return Long.bitCount(value) == 1;
    }

    private static void require(boolean condition, StructureBytes bytes, int at, Supplier<String> reason) {
        if (!condition) {
            throw bytes.corrupt(at, reason.get());
        }
    }
}
