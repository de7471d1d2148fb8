package virtshrink.filesystem.f2fs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.OptionalLong;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.RangeSet;

/**
 * Blocks that are promised to files and not yet placed: {@code fallocate} counts each as valid and writes {@code NEW_ADDR} in place of its
 * address. They have no bit in the segment information table, and no place on the disk that could be lost.
 *
 * <p>They are counted in every node that holds addresses: the inodes themselves, and direct nodes. Those of compressed files, which reserve
 * otherwise, are left to the driver.
 */
final class F2fsReservations {
    private static final String STRUCTURE = "f2fs_node";
    private static final int PIECE_BLOCKS = 256;

    private static final int NEW_ADDR = -1;
    private static final int COMPRESS_ADDR = -2;

    private static final int FOOTER = 4072;
    private static final int OFFSET_SHIFT = 3;
    private static final long XATTR_NODE_OFFSET = 0xFFFF_FFFFL >>> OFFSET_SHIFT;
    private static final int NIDS_PER_BLOCK = 1018;
    private static final int ADDRS_PER_BLOCK = 1018;

    private static final int INODE_ADDRS_AT = 360;
    private static final int INODE_ADDRS = 923;
    private static final int DEFAULT_INLINE_XATTR_ADDRS = 50;
    private static final int INLINE_XATTR = 0x01;
    private static final int INLINE_DATA = 0x02;
    private static final int INLINE_DENTRY = 0x04;
    private static final int EXTRA_ATTR = 0x20;
    private static final int FEATURE_FLEXIBLE_INLINE_XATTR = 0x40;

    private static final int S_IFMT = 0170000;
    private static final int S_IFDIR = 0040000;
    private static final int S_IFREG = 0100000;
    private static final int S_IFLNK = 0120000;

    private final boolean flexibleInlineXattr;
    private long reserved;
    private boolean compressed;

    private F2fsReservations(F2fsSuperblock superblock) {
        this.flexibleInlineXattr = (superblock.feature() & FEATURE_FLEXIBLE_INLINE_XATTR) != 0;
    }

    /**
     * How many blocks are reserved.
     *
     * @param nodes every valid block that holds a node
     * @return empty if that cannot be told
     * @throws CorruptStructureException if a node contradicts itself
     */
    static OptionalLong count(BlockSource volume, F2fsSuperblock superblock, RangeSet nodes) throws IOException {
        F2fsReservations reservations = new F2fsReservations(superblock);
        for (ByteRange range : nodes) {
            int pieceBytes = PIECE_BLOCKS * F2fsSuperblock.BLOCK_BYTES;
            for (long at = range.startBytes(); at < range.endBytes(); at += pieceBytes) {
                int length = (int) Math.min(pieceBytes, range.endBytes() - at);
                ByteBuffer piece = volume.read(at, length);
                for (int block = 0; block < length; block += F2fsSuperblock.BLOCK_BYTES) {
                    ByteBuffer node =
                            piece.slice(block, F2fsSuperblock.BLOCK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
                    reservations.add(node, at + block);
                }
            }
        }
        return reservations.compressed ? OptionalLong.empty() : OptionalLong.of(reservations.reserved);
    }

    private void add(ByteBuffer node, long offset) {
        int nid = node.getInt(FOOTER);
        int ino = node.getInt(FOOTER + 4);
        // ofs_of_node: the place of the node in the tree of its inode.
        long place = Integer.toUnsignedLong(node.getInt(FOOTER + 8)) >>> OFFSET_SHIFT;
        if (nid == 0 || ino == 0 || (nid == ino) != (place == 0)) {
            throw new CorruptStructureException(
                    STRUCTURE, offset + FOOTER, "node %d of inode %d in place %d".formatted(nid, ino, place));
        }
        if (place == 0) {
            addInode(node, offset);
        } else if (place != XATTR_NODE_OFFSET && !isIndirect(place)) {
            addAddresses(node, 0, ADDRS_PER_BLOCK);
        }
    }

    /** Inode, two direct nodes, two indirect ones with their direct ones behind them, and a doubly indirect one with all of those. */
    private static boolean isIndirect(long place) {
        long doublyIndirect = 5 + 2L * NIDS_PER_BLOCK;
        return place == 3
                || place == 4 + NIDS_PER_BLOCK
                || place == doublyIndirect
                || (place > doublyIndirect && (place - doublyIndirect - 1) % (NIDS_PER_BLOCK + 1) == 0);
    }

    private void addInode(ByteBuffer node, long offset) {
        int type = node.getChar(0) & S_IFMT;
        int inline = node.get(3);
        boolean hasAddresses = type == S_IFREG || type == S_IFDIR || type == S_IFLNK;
        if (!hasAddresses || (inline & (INLINE_DATA | INLINE_DENTRY)) != 0) {
            return;
        }
        int extra = (inline & EXTRA_ATTR) != 0 ? node.getChar(INODE_ADDRS_AT) / Integer.BYTES : 0;
        int xattr = (inline & INLINE_XATTR) != 0 ? DEFAULT_INLINE_XATTR_ADDRS : 0;
        if (flexibleInlineXattr) {
            xattr = node.getChar(INODE_ADDRS_AT + 2);
        }
        if (extra + xattr > INODE_ADDRS) {
            throw new CorruptStructureException(
                    STRUCTURE,
                    offset + INODE_ADDRS_AT,
                    "%d words of attributes and %d of others in an inode".formatted(xattr, extra));
        }
        addAddresses(node, INODE_ADDRS_AT + extra * Integer.BYTES, INODE_ADDRS - extra - xattr);
    }

    private void addAddresses(ByteBuffer node, int at, int count) {
        for (int i = 0; i < count; i++) {
            int address = node.getInt(at + i * Integer.BYTES);
            reserved += address == NEW_ADDR ? 1 : 0;
            compressed |= address == COMPRESS_ADDR;
        }
    }
}
