package virtshrink.filesystem.ext;

import virtshrink.block.StructureBytes;

/**
 * {@code struct ext4_group_desc}, 32 bytes, 64 and more with the feature {@code 64bit}.
 *
 * @param freeClusters {@code bg_free_blocks_count}, which counts clusters
 * @param unusedInodes {@code bg_itable_unused}: inodes at the end of the table that were never used; means nothing without checksums
 * @param blockBitmapChecksum 16 bits of it in a small descriptor
 */
record ExtGroupDescriptor(
        long blockBitmap,
        long inodeBitmap,
        long inodeTable,
        long freeClusters,
        long freeInodes,
        long unusedInodes,
        int flags,
        int blockBitmapChecksum) {
    static final String STRUCTURE = "ext4_group_desc";

    private static final int INODE_UNINIT = 0x1;
    private static final int BLOCK_UNINIT = 0x2;

    static ExtGroupDescriptor parse(StructureBytes bytes) {
        boolean large = bytes.length() >= 64;
        long blockBitmapLo = bytes.u32le(0x0);
        long inodeBitmapLo = bytes.u32le(0x4);
        long inodeTableLo = bytes.u32le(0x8);
        long freeBlocksCountLo = bytes.u16le(0xC);
        long freeInodesCountLo = bytes.u16le(0xE);
        int flags = bytes.u16le(0x12);
        int blockBitmapCsumLo = bytes.u16le(0x18);
        long itableUnusedLo = bytes.u16le(0x1C);
        long blockBitmapHi = large ? bytes.u32le(0x20) : 0;
        long inodeBitmapHi = large ? bytes.u32le(0x24) : 0;
        long inodeTableHi = large ? bytes.u32le(0x28) : 0;
        long freeBlocksCountHi = large ? bytes.u16le(0x2C) : 0;
        long freeInodesCountHi = large ? bytes.u16le(0x2E) : 0;
        long itableUnusedHi = large ? bytes.u16le(0x32) : 0;
        int blockBitmapCsumHi = large ? bytes.u16le(0x38) : 0;
        return new ExtGroupDescriptor(
                blockBitmapLo | blockBitmapHi << 32,
                inodeBitmapLo | inodeBitmapHi << 32,
                inodeTableLo | inodeTableHi << 32,
                freeBlocksCountLo | freeBlocksCountHi << 16,
                freeInodesCountLo | freeInodesCountHi << 16,
                itableUnusedLo | itableUnusedHi << 16,
                flags,
                blockBitmapCsumLo | blockBitmapCsumHi << 16);
    }

    /** The block bitmap was never written: whatever is not metadata is free. */
    boolean blockBitmapUninitialised() {
        return (flags & BLOCK_UNINIT) != 0;
    }

    /** The inode table was never written. */
    boolean inodesUninitialised() {
        return (flags & INODE_UNINIT) != 0;
    }

    /** Whether anything here is said to be uninitialised, which only descriptors with checksums may say. */
    boolean claimsUninitialised() {
        return (flags & (BLOCK_UNINIT | INODE_UNINIT)) != 0;
    }
}
