package virtshrink.filesystem.btrfs;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * {@code struct btrfs_block_group_item}: how much of each chunk is in use, by the filesystem's own count and by that of the extents. Every
 * chunk is exactly one block group.
 */
final class BtrfsBlockGroups {
    private static final String STRUCTURE = "btrfs_block_group_item";
    private static final int LENGTH_BYTES = 24;
    private static final long ABSENT = -1;

    private final List<BtrfsChunk> chunks;
    private final long[] declared;
    private final long[] counted;

    BtrfsBlockGroups(BtrfsChunkMap chunks) {
        this.chunks = chunks.chunks();
        this.declared = new long[this.chunks.size()];
        this.counted = new long[this.chunks.size()];
        Arrays.fill(declared, ABSENT);
    }

    /** The tree that holds nothing but these, with {@code block_group_tree}. */
    void read(BtrfsTreeCursor items) throws IOException {
        for (Optional<BtrfsTreeCursor.Item> next = items.next(); next.isPresent(); next = items.next()) {
            if (next.get().key().type() != BtrfsKey.BLOCK_GROUP_ITEM) {
                throw next.get()
                        .corrupt("key %s in the block group tree"
                                .formatted(next.get().key()));
            }
            add(next.get());
        }
    }

    void add(BtrfsTreeCursor.Item item) {
        StructureBytes content = item.content(STRUCTURE);
        long used = content.u63le(0);
        long chunkObjectid = content.i64le(8);
        long flags = content.i64le(16);
        int index = indexOf(item.key().objectid());
        if (content.length() != LENGTH_BYTES || chunkObjectid != BtrfsChunk.OBJECTID) {
            throw content.corrupt(8, "%d bytes, chunk object %d".formatted(content.length(), chunkObjectid));
        }
        if (index < 0
                || chunks.get(index).length() != item.key().offset()
                || chunks.get(index).type() != flags
                || declared[index] != ABSENT) {
            throw content.corrupt(16, "block group %s with flags 0x%x is no chunk".formatted(item.key(), flags));
        }
        if (used > item.key().offset()) {
            throw content.corrupt(0, "%d bytes used of block group %s".formatted(used, item.key()));
        }
        declared[index] = used;
    }

    /** An extent was found in the chunk of the given index. */
    void use(int index, long lengthBytes) {
        counted[index] += lengthBytes;
    }

    /** @throws CorruptStructureException unless every count is that of the extents */
    void check(BtrfsSuperBlock superblock) {
        long total = 0;
        for (int i = 0; i < declared.length; i++) {
            if (declared[i] == ABSENT) {
                throw corrupt(i, "has no block group");
            }
            if (declared[i] != counted[i]) {
                throw corrupt(i, "has %d bytes used, but its extents %d".formatted(declared[i], counted[i]));
            }
            total += declared[i];
        }
        if (total != superblock.bytesUsed()) {
            throw new CorruptStructureException(
                    BtrfsSuperBlock.STRUCTURE,
                    BtrfsSuperBlock.OFFSET_BYTES + 0x78,
                    "%d bytes used, but %d in all block groups".formatted(superblock.bytesUsed(), total));
        }
    }

    private CorruptStructureException corrupt(int index, String reason) {
        long logical = chunks.get(index).logical();
        return new CorruptStructureException(
                STRUCTURE, logical, "the chunk at logical address %d %s".formatted(logical, reason));
    }

    private int indexOf(long logical) {
        int low = 0;
        int high = chunks.size() - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            int order = Long.compareUnsigned(chunks.get(middle).logical(), logical);
            if (order == 0) {
                return middle;
            } else if (order < 0) {
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        return -1;
    }
}
