package virtshrink.filesystem.btrfs;

import virtshrink.block.ByteRange;
import virtshrink.block.StructureBytes;

/**
 * {@code struct btrfs_dev_extent}: a run of the device that a chunk occupies.
 *
 * @param place on the device
 * @param chunkOffset logical address of the chunk
 */
record BtrfsDevExtent(ByteRange place, long chunkOffset) {
    static final String STRUCTURE = "btrfs_dev_extent";
    private static final int LENGTH_BYTES = 48;

    static BtrfsDevExtent parse(BtrfsKey key, StructureBytes bytes, long devid) {
        long chunkTree = bytes.i64le(0);
        long chunkObjectid = bytes.i64le(8);
        long chunkOffset = bytes.u63le(16);
        long length = bytes.u63le(24);
        if (bytes.length() != LENGTH_BYTES
                || chunkTree != BtrfsRootItem.CHUNK_TREE
                || chunkObjectid != BtrfsChunk.OBJECTID) {
            throw bytes.corrupt(0, "refers to tree %d, object %d".formatted(chunkTree, chunkObjectid));
        }
        if (key.objectid() != devid || key.offset() < 0 || length > Long.MAX_VALUE - key.offset()) {
            throw bytes.corrupt(24, "%d bytes with key %s".formatted(length, key));
        }
        return new BtrfsDevExtent(new ByteRange(key.offset(), length), chunkOffset);
    }
}
