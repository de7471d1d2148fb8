package virtshrink.filesystem.btrfs;

import virtshrink.block.StructureBytes;

/**
 * {@code struct btrfs_disk_key}, 17 bytes: what every tree is sorted by, all three parts as unsigned numbers.
 *
 * @param objectid an address, an inode or one of the reserved numbers, which count down from the end
 * @param type kind of the item
 * @param offset an address, a length or another number, as the kind has it
 */
record BtrfsKey(long objectid, int type, long offset) implements Comparable<BtrfsKey> {
    static final int LENGTH_BYTES = 17;

    static final int ROOT_ITEM = 132;
    static final int EXTENT_ITEM = 168;
    static final int METADATA_ITEM = 169;
    static final int EXTENT_OWNER_REF = 172;
    static final int TREE_BLOCK_REF = 176;
    static final int EXTENT_DATA_REF = 178;
    static final int SHARED_BLOCK_REF = 182;
    static final int SHARED_DATA_REF = 184;
    static final int BLOCK_GROUP_ITEM = 192;
    static final int FREE_SPACE_INFO = 198;
    static final int FREE_SPACE_EXTENT = 199;
    static final int FREE_SPACE_BITMAP = 200;
    static final int DEV_EXTENT = 204;
    static final int DEV_ITEM = 216;
    static final int CHUNK_ITEM = 228;
    static final int TEMPORARY_ITEM = 248;
    static final int PERSISTENT_ITEM = 249;
    static final int DEV_REPLACE = 250;

    static BtrfsKey parse(StructureBytes bytes, int at) {
        return new BtrfsKey(bytes.i64le(at), bytes.u8(at + 8), bytes.i64le(at + 9));
    }

    @Override
    public int compareTo(BtrfsKey other) {
        int byObject = Long.compareUnsigned(objectid, other.objectid);
        if (byObject != 0) {
            return byObject;
        }
        int byType = Integer.compare(type, other.type);
        return byType != 0 ? byType : Long.compareUnsigned(offset, other.offset);
    }

    /** As the btrfs tools write keys. */
    @Override
    public String toString() {
        return "(%s %d %s)".formatted(Long.toUnsignedString(objectid), type, Long.toUnsignedString(offset));
    }
}
