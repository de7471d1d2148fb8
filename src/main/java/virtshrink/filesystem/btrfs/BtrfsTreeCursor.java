package virtshrink.filesystem.btrfs;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * Goes through the items of a tree in the order of their keys, depth first; the leaves below one node are read several at a time.
 *
 * <p>It ends on any input: a block's first key is the one that its parent has for it, keys ascend within a block and from leaf to leaf, and
 * no leaf but an only one is empty, so no block can be visited twice. Not thread-safe.
 */
final class BtrfsTreeCursor {
    /** An item of a leaf. */
    record Item(BtrfsKey key, BtrfsTreeBlock leaf, int slot) {
        StructureBytes content(String structure) {
            return leaf.item(slot, structure);
        }

        CorruptStructureException corrupt(String reason) {
            return leaf.corrupt(slot, reason);
        }
    }

    /** Blocks of one level that are read and wait, and their siblings that are not read yet. */
    private static final class Siblings {
        final List<BtrfsTreePointer> pointers;
        final Deque<BtrfsTreeBlock> waiting = new ArrayDeque<>();
        int next;

        Siblings(List<BtrfsTreePointer> pointers) {
            this.pointers = pointers;
        }
    }

    private final BtrfsTreeBlocks blocks;
    private final long owner;
    private final Deque<Siblings> path = new ArrayDeque<>();
    private Optional<BtrfsTreeBlock> leaf = Optional.empty();
    private int slot;
    private Optional<BtrfsKey> last = Optional.empty();

    BtrfsTreeCursor(BtrfsTreeBlocks blocks, long owner, BtrfsTreePointer root) {
        this.blocks = blocks;
        this.owner = owner;
        path.push(new Siblings(List.of(root)));
    }

    /** The next item; none at the end of the tree. */
    Optional<Item> next() throws IOException {
        while (leaf.isEmpty() || slot >= leaf.get().nritems()) {
            leaf = nextLeaf();
            slot = 0;
            if (leaf.isEmpty()) {
                return Optional.empty();
            }
        }
        BtrfsTreeBlock current = leaf.get();
        BtrfsKey key = current.key(slot);
        if (last.isPresent() && last.get().compareTo(key) >= 0) {
            throw current.corrupt(slot, "key %s follows %s".formatted(key, last.get()));
        }
        last = Optional.of(key);
        return Optional.of(new Item(key, current, slot++));
    }

    private Optional<BtrfsTreeBlock> nextLeaf() throws IOException {
        while (!path.isEmpty()) {
            Siblings siblings = path.peek();
            if (siblings.waiting.isEmpty()) {
                if (siblings.next >= siblings.pointers.size()) {
                    path.pop();
                    continue;
                }
                // Only leaves are many enough to be worth it.
                boolean leaves = siblings.pointers.get(siblings.next).level() == 0;
                int to = leaves
                        ? Math.min(siblings.pointers.size(), siblings.next + blocks.mostAtOnce())
                        : siblings.next + 1;
                siblings.waiting.addAll(blocks.read(siblings.pointers.subList(siblings.next, to), Optional.of(owner)));
                siblings.next = to;
            }
            BtrfsTreeBlock block = siblings.waiting.remove();
            if (block.level() == 0) {
                return Optional.of(block);
            }
            List<BtrfsTreePointer> children = new ArrayList<>(block.nritems());
            for (int i = 0; i < block.nritems(); i++) {
                children.add(block.pointer(i));
            }
            path.push(new Siblings(children));
        }
        return Optional.empty();
    }
}
