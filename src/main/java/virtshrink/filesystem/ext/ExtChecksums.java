package virtshrink.filesystem.ext;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import virtshrink.block.Crc32c;
import virtshrink.block.StructureBytes;

/**
 * The checksums a filesystem carries on its structures: {@code metadata_csum} (crc32c), {@code gdt_csum} (crc16, on group descriptors only),
 * or none. Where a structure has no checksum, it matches.
 */
final class ExtChecksums {
    private static final int DESCRIPTOR_CHECKSUM_AT = 0x1E;

    private final boolean metadata;
    private final boolean descriptors;
    private final int seed;
    private final int uuidChecksum;

    ExtChecksums(ExtSuperblock superblock) {
        this.metadata = superblock.features().hasRoCompat(ExtFeatures.RO_COMPAT_METADATA_CSUM);
        this.descriptors = superblock.features().hasDescriptorChecksums();
        this.seed = superblock.checksumSeed();
        this.uuidChecksum = superblock.uuidChecksum();
    }

    /** {@code bg_checksum}; where both kinds are declared, {@code metadata_csum} wins, as in the kernel. */
    boolean descriptorMatches(StructureBytes descriptor, int group) {
        if (!descriptors) {
            return true;
        }
        byte[] bytes = descriptor.bytes(0, descriptor.length());
        int stored = descriptor.u16le(DESCRIPTOR_CHECKSUM_AT);
        if (metadata) {
            bytes[DESCRIPTOR_CHECKSUM_AT] = 0;
            bytes[DESCRIPTOR_CHECKSUM_AT + 1] = 0;
            return (Crc32c.update(Crc32c.updateIntLe(seed, group), bytes) & 0xffff) == stored;
        }
        byte[] number = ByteBuffer.allocate(Integer.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(group)
                .array();
        int crc = Crc16.update(uuidChecksum, number, 0, number.length);
        crc = Crc16.update(crc, bytes, 0, DESCRIPTOR_CHECKSUM_AT);
        int behind = DESCRIPTOR_CHECKSUM_AT + 2;
        return Crc16.update(crc, bytes, behind, bytes.length - behind) == stored;
    }

    /**
     * {@code bg_block_bitmap_csum_lo} and, in large descriptors, {@code _hi}.
     *
     * @param bitmap the bytes that hold the group's clusters, without what follows in the block
     * @param mask which bits of the checksum the descriptor has room for
     */
    boolean bitmapMatches(ByteBuffer bitmap, int stored, int mask) {
        return !metadata || (Crc32c.update(seed, bitmap) & mask) == stored;
    }

    /** {@code i_checksum_lo} and {@code i_checksum_hi}. */
    boolean inodeMatches(StructureBytes inode, int number) {
        if (!metadata) {
            return true;
        }
        byte[] bytes = inode.bytes(0, inode.length());
        int stored = inode.u16le(0x7C);
        bytes[0x7C] = 0;
        bytes[0x7D] = 0;
        int mask = 0xffff;
        // The upper half is there if i_extra_isize reaches it.
        if (bytes.length > 128 && inode.u16le(0x80) >= 4) {
            stored |= inode.u16le(0x82) << 16;
            bytes[0x82] = 0;
            bytes[0x83] = 0;
            mask = -1;
        }
        int crc = Crc32c.updateIntLe(Crc32c.updateIntLe(seed, number), (int) inode.u32le(0x64));
        return (Crc32c.update(crc, bytes) & mask) == stored;
    }

    /** {@code et_checksum} behind the entries that a block of an extent tree has room for. */
    boolean extentBlockMatches(StructureBytes node, int checksumAt, ExtInode inode) {
        if (!metadata) {
            return true;
        }
        int crc = Crc32c.updateIntLe(Crc32c.updateIntLe(seed, (int) inode.number()), inode.generation());
        return Crc32c.update(crc, node.bytes(0, checksumAt)) == (int) node.u32le(checksumAt);
    }

    /** The last field of a structure, a checksum of all that is before it. */
    boolean trailingMatches(StructureBytes structure, int checksumAt) {
        return !metadata || Crc32c.update(seed, structure.bytes(0, checksumAt)) == (int) structure.u32le(checksumAt);
    }
}
