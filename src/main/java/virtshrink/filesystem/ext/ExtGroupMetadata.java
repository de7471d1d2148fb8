package virtshrink.filesystem.ext;

import java.util.Arrays;
import virtshrink.block.CorruptStructureException;

/**
 * The places of all bitmaps and inode tables, in ascending order once sorted. With {@code flex_bg} they lie in other groups than their own,
 * so they are collected before any group is judged.
 *
 * <p>A place is one number, the block times four plus its kind: block numbers stay below 2^53, and plain numbers sort without memory.
 */
final class ExtGroupMetadata {
    private static final int KIND_BITS = 2;
    private static final int KIND_MASK = 3;
    private static final int BLOCK_BITMAP = 0;
    private static final int INODE_BITMAP = 1;
    private static final int INODE_TABLE = 2;

    private final long[] places;
    private final long inodeTableBlocks;

    ExtGroupMetadata(int groups, long inodeTableBlocks) {
        this.places = new long[3 * groups];
        this.inodeTableBlocks = inodeTableBlocks;
    }

    void add(int group, ExtGroupDescriptor descriptor) {
        places[3 * group] = descriptor.blockBitmap() << KIND_BITS | BLOCK_BITMAP;
        places[3 * group + 1] = descriptor.inodeBitmap() << KIND_BITS | INODE_BITMAP;
        places[3 * group + 2] = descriptor.inodeTable() << KIND_BITS | INODE_TABLE;
    }

    /**
     * Puts the places in order; to be called once all groups are added.
     *
     * @throws CorruptStructureException if two of them overlap
     */
    void sort(int blockBytes) {
        Arrays.sort(places);
        for (int i = 1; i < places.length; i++) {
            if (startBlock(i) < endBlock(i - 1)) {
                throw new CorruptStructureException(
                        ExtGroupDescriptor.STRUCTURE,
                        startBlock(i) * blockBytes,
                        "two bitmaps or inode tables share block %d".formatted(startBlock(i)));
            }
        }
    }

    int count() {
        return places.length;
    }

    long startBlock(int index) {
        return places[index] >> KIND_BITS;
    }

    /** The block behind the last. */
    long endBlock(int index) {
        return startBlock(index) + ((places[index] & KIND_MASK) == INODE_TABLE ? inodeTableBlocks : 1);
    }
}
