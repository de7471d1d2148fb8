package virtshrink.filesystem.btrfs;

import virtshrink.block.StructureBytes;

/**
 * {@code struct btrfs_root_item}: where a tree's root block lies.
 *
 * @param generation of the root block
 * @param bytenr logical address of the root block
 * @param refs 0 if the tree is being deleted
 */
record BtrfsRootItem(long generation, long bytenr, long refs, int level) {
    static final String STRUCTURE = "btrfs_root_item";

    static final long ROOT_TREE = 1;
    static final long EXTENT_TREE = 2;
    static final long CHUNK_TREE = 3;
    static final long DEV_TREE = 4;
    static final long FREE_SPACE_TREE = 10;
    static final long BLOCK_GROUP_TREE = 11;
    static final long TREE_LOG = -6;
    static final long TREE_LOG_FIXUP = -7;
    static final long TREE_RELOC = -8;

    /** Before Linux 3.6 the item ended in front of {@code generation_v2}. */
    private static final int LEAST_BYTES = 239;

    static BtrfsRootItem parse(StructureBytes bytes, BtrfsSuperBlock superblock) {
        long generation = bytes.u63le(160);
        long bytenr = bytes.u63le(176);
        long refs = bytes.u32le(216);
        int level = bytes.u8(238);
        if (bytes.length() < LEAST_BYTES) {
            throw bytes.corrupt(0, "%d bytes, expected at least %d".formatted(bytes.length(), LEAST_BYTES));
        }
        if (generation > superblock.generation()) {
            throw bytes.corrupt(
                    160,
                    "generation %d, later than the superblock's %d".formatted(generation, superblock.generation()));
        }
        if (bytenr % superblock.sectorBytes() != 0 || bytenr > Long.MAX_VALUE - superblock.nodeBytes()) {
            throw bytes.corrupt(176, "root block at %d".formatted(bytenr));
        }
        if (level >= BtrfsSuperBlock.MOST_LEVELS) {
            throw bytes.corrupt(238, "level %d".formatted(level));
        }
        return new BtrfsRootItem(generation, bytenr, refs, level);
    }

    BtrfsTreePointer pointer() {
        return BtrfsTreePointer.toRoot(bytenr, generation, level);
    }
}
