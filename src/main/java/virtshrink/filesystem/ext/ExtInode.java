package virtshrink.filesystem.ext;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.OptionalLong;
import virtshrink.block.BlockSource;
import virtshrink.block.StructureBytes;

/**
 * {@code struct ext4_inode}: how a file's first block is found.
 *
 * @param extents whether {@code i_block} is the root of an extent tree rather than a list of blocks
 * @param root the 60 bytes of {@code i_block}
 */
record ExtInode(int mode, long sizeBytes, boolean extents, StructureBytes root) {
    static final String STRUCTURE = "ext4_inode";

    private static final int BLOCK_AT = 0x28;
    private static final int BLOCK_BYTES = 60;
    private static final int FLAG_EXTENTS = 0x80000;
    private static final int EXTENT_MAGIC = 0xF30A;
    private static final int MOST_DEPTH = 5;

    static ExtInode parse(StructureBytes bytes, int number, ExtChecksums checksums) {
        int mode = bytes.u16le(0x0);
        long sizeLo = bytes.u32le(0x4);
        long flags = bytes.u32le(0x20);
        byte[] block = bytes.bytes(BLOCK_AT, BLOCK_BYTES);
        long sizeHi = bytes.u32le(0x6C);
        if (!checksums.inodeMatches(bytes, number)) {
            throw bytes.corrupt(0x7C, "checksum of inode %d does not match".formatted(number));
        }
        return new ExtInode(
                mode,
                sizeLo | sizeHi << 32,
                (flags & FLAG_EXTENTS) != 0,
                new StructureBytes(
                        "extent tree", bytes.offsetBytes() + BLOCK_AT, ByteBuffer.wrap(block)));
    }

    boolean isRegularFile() {
        return (mode & 0xF000) == 0x8000;
    }

    /**
     * The block that holds the file's first bytes; empty if there is none.
     *
     * @throws virtshrink.block.CorruptStructureException if the way to it is broken
     */
    OptionalLong firstBlock(BlockSource volume, ExtGeometry geometry) throws IOException {
        if (!extents) {
            long block = root.u32le(0);
            return block == 0 || block >= geometry.blocks() ? OptionalLong.empty() : OptionalLong.of(block);
        }
        StructureBytes node = root;
        for (int depth = 0; depth <= MOST_DEPTH; depth++) {
            if (node.u16le(0) != EXTENT_MAGIC) {
                throw node.corrupt(0, "magic number 0x%x, expected 0x%x".formatted(node.u16le(0), EXTENT_MAGIC));
            }
            boolean leaf = node.u16le(6) == 0;
            boolean firstMapped = node.u16le(2) > 0 && node.u32le(12) == 0;
            long block = leaf
                    ? node.u32le(20) | (long) node.u16le(18) << 32
                    : node.u32le(16) | (long) node.u16le(20) << 32;
            if (!firstMapped || block == 0 || block >= geometry.blocks()) {
                return OptionalLong.empty();
            } else if (leaf) {
                return OptionalLong.of(block);
            }
            long offsetBytes = block * geometry.blockBytes();
            node = new StructureBytes(
                    "extent tree", offsetBytes, volume.read(offsetBytes, geometry.blockBytes()));
        }
        throw root.corrupt(6, "deeper than %d levels".formatted(MOST_DEPTH));
    }
}
