package virtshrink.filesystem.btrfs;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import virtshrink.block.CorruptStructureException;

/**
 * The tree of tree roots: where the trees lie that know of free space, and whether an operation on all the filesystem is under way.
 *
 * @param roots of the trees that are read here, by their object id
 * @param unfinished what a guest has begun and not ended
 */
record BtrfsRootTree(Map<Long, BtrfsRootItem> roots, Optional<String> unfinished) {
    private static final Set<Long> READ = Set.of(
            BtrfsRootItem.EXTENT_TREE,
            BtrfsRootItem.DEV_TREE,
            BtrfsRootItem.FREE_SPACE_TREE,
            BtrfsRootItem.BLOCK_GROUP_TREE);
    private static final long BALANCE_OBJECTID = -4;

    /** Root blocks are looked at in the order of their places, as far as memory allows. */
    private static final int MOST_WAITING = 1 << 13;

    static BtrfsRootTree read(BtrfsTreeBlocks blocks) throws IOException {
        BtrfsSuperBlock superblock = blocks.superblock();
        BtrfsTreeCursor items = new BtrfsTreeCursor(
                blocks,
                BtrfsRootItem.ROOT_TREE,
                BtrfsTreePointer.toRoot(superblock.root(), superblock.generation(), superblock.rootLevel()));
        Map<Long, BtrfsRootItem> roots = new HashMap<>();
        List<BtrfsTreePointer> others = new ArrayList<>();
        Optional<String> unfinished = Optional.empty();
        for (Optional<BtrfsTreeCursor.Item> next = items.next(); next.isPresent(); next = items.next()) {
            BtrfsTreeCursor.Item item = next.get();
            long tree = item.key().objectid();
            if (item.key().type() == BtrfsKey.TEMPORARY_ITEM) {
                unfinished = Optional.of(
                        tree == BALANCE_OBJECTID
                                ? "a balance has not finished"
                                : "an operation has not finished (item %s)".formatted(item.key()));
            } else if (item.key().type() == BtrfsKey.ROOT_ITEM) {
                BtrfsRootItem root = BtrfsRootItem.parse(item.content(BtrfsRootItem.STRUCTURE), superblock);
                if (tree == BtrfsRootItem.TREE_RELOC) {
                    unfinished = unfinished.or(
                            () -> Optional.of(
                                    "a relocation has not finished; start the guest, let btrfs balance finish, and shut it down"));
                } else if (tree == BtrfsRootItem.TREE_LOG || tree == BtrfsRootItem.TREE_LOG_FIXUP) {
                    unfinished = unfinished.or(
                            () -> Optional.of("a tree log was left behind; start the guest and shut it down"));
                } else if (READ.contains(tree)) {
                    if (item.key().offset() != 0 || roots.put(tree, root) != null) {
                        throw item.corrupt("a second root of tree %d".formatted(tree));
                    }
                } else if (root.refs() != 0) {
                    others.add(root.pointer());
                    if (others.size() == MOST_WAITING) {
                        checkRootBlocks(blocks, others);
                    }
                }
            }
        }
        checkRootBlocks(blocks, others);
        return new BtrfsRootTree(Map.copyOf(roots), unfinished);
    }

    /**
     * Files, snapshots and checksums need no reading: the extent tree has their blocks and bytes. But where each of their trees begins is
     * known here, and a root that is broken or called free is reason enough to leave everything alone.
     */
    private static void checkRootBlocks(BtrfsTreeBlocks blocks, List<BtrfsTreePointer> roots) throws IOException {
        roots.sort(Comparator.comparingLong(BtrfsTreePointer::bytenr));
        for (int from = 0; from < roots.size(); from += blocks.mostAtOnce()) {
            int to = Math.min(roots.size(), from + blocks.mostAtOnce());
            blocks.read(roots.subList(from, to), Optional.empty());
        }
        roots.clear();
    }

    /** The items of a tree that every such filesystem has. */
    BtrfsTreeCursor open(BtrfsTreeBlocks blocks, long tree) {
        BtrfsRootItem root = roots.get(tree);
        if (root == null) {
            throw new CorruptStructureException(
                    BtrfsRootItem.STRUCTURE, blocks.superblock().root(), "no root of tree %d".formatted(tree));
        }
        return new BtrfsTreeCursor(blocks, tree, root.pointer());
    }
}
