package virtshrink.filesystem.btrfs;

import java.util.Optional;

/**
 * What is known of a tree block before it is read.
 *
 * @param bytenr its logical address
 * @param generation of the transaction that wrote it
 * @param level 0 for a leaf
 * @param firstKey {@code btrfs_key_ptr.key} of the parent; a root has none
 */
record BtrfsTreePointer(long bytenr, long generation, int level, Optional<BtrfsKey> firstKey) {
    static BtrfsTreePointer toRoot(long bytenr, long generation, int level) {
        return new BtrfsTreePointer(bytenr, generation, level, Optional.empty());
    }
}
