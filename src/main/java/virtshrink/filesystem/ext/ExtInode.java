package virtshrink.filesystem.ext;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.OptionalLong;
import virtshrink.block.BlockSource;
import virtshrink.block.RangeSet;
import virtshrink.block.StructureBytes;

/**
 * {@code struct ext4_inode}: what kind of file it is and where its first blocks lie.
 *
 * @param sizeBytes {@code i_size}, as it stands there
 * @param iBlock the 60 bytes of {@code i_block}: root of an extent tree, or a list of blocks
 */
record ExtInode(
        long number, int mode, int linksCount, long sizeBytes, long flags, int generation, StructureBytes iBlock) {
    static final String STRUCTURE = "ext4_inode";

    private static final int BLOCK_AT = 0x28;
    private static final int BLOCK_BYTES = 60;
    private static final long FLAG_ENCRYPTED = 0x800;
    private static final long FLAG_EXTENTS = 0x80000;
    private static final long FLAG_INLINE_DATA = 0x10000000;

    private static final String EXTENT_TREE = "ext4_extent_header";
    private static final int EXTENT_MAGIC = 0xF30A;
    private static final int ENTRY_BYTES = 12;
    private static final int MOST_DEPTH = 5;
    private static final int DIRECT_BLOCKS = 12;
    private static final int UNWRITTEN = 32768;

    /**
     * The blocks that were met on the way to a file's beginning.
     *
     * @param firstBlock the block that holds the file's first bytes; empty if there is none
     * @param inUse blocks of the file and of the tree that leads to them, in bytes; not all of a large file's
     */
    record Beginning(OptionalLong firstBlock, RangeSet inUse) {}

    static ExtInode parse(StructureBytes bytes, long number, ExtChecksums checksums) {
        int mode = bytes.u16le(0x0);
        long sizeLo = bytes.u32le(0x4);
        int linksCount = bytes.u16le(0x1A);
        long flags = bytes.u32le(0x20);
        int generation = (int) bytes.u32le(0x64);
        long sizeHigh = bytes.u32le(0x6C);
        byte[] block = bytes.bytes(BLOCK_AT, BLOCK_BYTES);
        if (!checksums.inodeMatches(bytes, (int) number)) {
            throw bytes.corrupt(0x7C, "checksum of inode %d does not match".formatted(number));
        }
        return new ExtInode(
                number,
                mode,
                linksCount,
                sizeLo | sizeHigh << 32,
                flags,
                generation,
                new StructureBytes(STRUCTURE, bytes.offsetBytes() + BLOCK_AT, ByteBuffer.wrap(block)));
    }

    /**
     * @param number from 1 to {@code s_inodes_count}
     * @param tableBlock where the inode table of its group begins
     */
    static ExtInode read(BlockSource volume, ExtGeometry geometry, ExtChecksums checksums, long number, long tableBlock)
            throws IOException {
        int inodeBytes = geometry.superblock().inodeBytes();
        long inTable = (number - 1) % geometry.superblock().inodesPerGroup();
        long offsetBytes = tableBlock * geometry.blockBytes() + inTable * inodeBytes;
        return parse(
                new StructureBytes(STRUCTURE, offsetBytes, volume.read(offsetBytes, inodeBytes)), number, checksums);
    }

    boolean isRegularFile() {
        return (mode & 0xF000) == 0x8000;
    }

    /** Whether the bytes of this file stand in blocks of its own, as they are. */
    boolean hasPlainBlocks() {
        return (flags & (FLAG_INLINE_DATA | FLAG_ENCRYPTED)) == 0;
    }

    /** Whether {@code i_block} is the root of an extent tree. */
    boolean hasExtents() {
        return (flags & FLAG_EXTENTS) != 0;
    }

    boolean isDirectory() {
        return (mode & 0xF000) == 0x4000;
    }

    /**
     * Follows the file's map to its first block, by one path only.
     *
     * @throws virtshrink.block.CorruptStructureException if the map is broken or leaves the filesystem
     */
    Beginning beginning(BlockSource volume, ExtGeometry geometry) throws IOException {
        RangeSet.Builder inUse = RangeSet.builder();
        if ((flags & FLAG_INLINE_DATA) != 0) {
            return new Beginning(OptionalLong.empty(), inUse.build());
        }
        if ((flags & FLAG_EXTENTS) == 0) {
            for (int at = 0; at < BLOCK_BYTES; at += Integer.BYTES) {
                if (iBlock.u32le(at) != 0) {
                    addBlocks(inUse, geometry, iBlock, at, iBlock.u32le(at), 1);
                }
            }
            long first = iBlock.u32le(0);
            return new Beginning(first == 0 ? OptionalLong.empty() : OptionalLong.of(first), inUse.build());
        }
        StructureBytes node = iBlock;
        for (int level = 0; level <= MOST_DEPTH; level++) {
            int magic = node.u16le(0);
            int entries = node.u16le(2);
            boolean leaf = node.u16le(6) == 0;
            if (magic != EXTENT_MAGIC || entries > node.length() / ENTRY_BYTES - 1) {
                throw node.corrupt(0, "magic number 0x%x, %d entries".formatted(magic, entries));
            }
            for (int at = ENTRY_BYTES; at <= entries * ENTRY_BYTES; at += ENTRY_BYTES) {
                addBlocks(inUse, geometry, node, at, target(node, at, leaf), leaf ? lengthAt(node, at) : 1);
            }
            boolean firstMapped = entries > 0 && node.u32le(ENTRY_BYTES) == 0;
            if (!firstMapped || leaf) {
                return new Beginning(
                        firstMapped ? OptionalLong.of(target(node, ENTRY_BYTES, true)) : OptionalLong.empty(),
                        inUse.build());
            }
            node = block(volume, geometry, target(node, ENTRY_BYTES, false));
        }
        throw iBlock.corrupt(6, "extent tree deeper than %d levels".formatted(MOST_DEPTH));
    }

    /**
     * Where one of a file's first blocks lies, written or not.
     *
     * @param logical from 0; what only a double indirect block leads to is not found
     * @return empty if it is a hole
     * @throws virtshrink.block.CorruptStructureException if the map is broken or leaves the filesystem
     */
    OptionalLong blockAt(BlockSource volume, ExtGeometry geometry, int logical) throws IOException {
        if ((flags & FLAG_INLINE_DATA) != 0) {
            return OptionalLong.empty();
        }
        if ((flags & FLAG_EXTENTS) == 0) {
            return pointedAt(volume, geometry, logical);
        }
        StructureBytes node = iBlock;
        for (int level = 0; level <= MOST_DEPTH; level++) {
            int entries = node.u16le(2);
            if (node.u16le(0) != EXTENT_MAGIC || entries > node.length() / ENTRY_BYTES - 1) {
                throw node.corrupt(0, "magic number 0x%x, %d entries".formatted(node.u16le(0), entries));
            }
            int at = entries * ENTRY_BYTES;
            while (at > 0 && node.u32le(at) > logical) {
                at -= ENTRY_BYTES;
            }
            if (at == 0) {
                return OptionalLong.empty();
            }
            boolean leaf = node.u16le(6) == 0;
            long within = leaf ? logical - node.u32le(at) : 0;
            if (leaf && within >= lengthAt(node, at)) {
                return OptionalLong.empty();
            }
            long block = target(node, at, leaf) + within;
            checkPlace(geometry, node, at, block, 1);
            if (leaf) {
                return OptionalLong.of(block);
            }
            node = block(volume, geometry, block);
        }
        throw iBlock.corrupt(6, "extent tree deeper than %d levels".formatted(MOST_DEPTH));
    }

    private OptionalLong pointedAt(BlockSource volume, ExtGeometry geometry, int logical) throws IOException {
        StructureBytes pointers = iBlock;
        int at = logical * Integer.BYTES;
        if (logical >= DIRECT_BLOCKS) {
            long indirect = iBlock.u32le(DIRECT_BLOCKS * Integer.BYTES);
            at = (logical - DIRECT_BLOCKS) * Integer.BYTES;
            if (indirect == 0 || at >= geometry.blockBytes()) {
                return OptionalLong.empty();
            }
            checkPlace(geometry, iBlock, DIRECT_BLOCKS * Integer.BYTES, indirect, 1);
            pointers = block(volume, geometry, indirect);
        }
        long block = pointers.u32le(at);
        if (block == 0) {
            return OptionalLong.empty();
        }
        checkPlace(geometry, pointers, at, block, 1);
        return OptionalLong.of(block);
    }

    private static StructureBytes block(BlockSource volume, ExtGeometry geometry, long block) throws IOException {
        long offsetBytes = block * geometry.blockBytes();
        return new StructureBytes(EXTENT_TREE, offsetBytes, volume.read(offsetBytes, geometry.blockBytes()));
    }

    /** {@code ee_start} of an extent in a leaf, {@code ei_leaf} of an index entry above. */
    private static long target(StructureBytes node, int at, boolean leaf) {
        return leaf
                ? node.u32le(at + 8) | (long) node.u16le(at + 6) << 32
                : node.u32le(at + 4) | (long) node.u16le(at + 8) << 32;
    }

    private static int lengthAt(StructureBytes node, int at) {
        int length = node.u16le(at + 4);
        return length > UNWRITTEN ? length - UNWRITTEN : length;
    }

    private static void addBlocks(
            RangeSet.Builder inUse, ExtGeometry geometry, StructureBytes where, int at, long block, int length) {
        checkPlace(geometry, where, at, block, length);
        inUse.add(block * geometry.blockBytes(), (long) length * geometry.blockBytes());
    }

    private static void checkPlace(ExtGeometry geometry, StructureBytes where, int at, long block, int length) {
        if (block <= geometry.superblock().firstDataBlock() || block > geometry.blocks() - length) {
            throw where.corrupt(
                    at,
                    "blocks %d to %d are not within the filesystem's %d"
                            .formatted(block, block + length - 1, geometry.blocks()));
        }
    }
}
