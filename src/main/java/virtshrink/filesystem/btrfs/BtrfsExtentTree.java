package virtshrink.filesystem.btrfs;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * The extent tree: every byte that a file, a snapshot or a tree owns, whoever that is. What it does not name is free. This is the truth
 * which everything else is compared with.
 */
final class BtrfsExtentTree {
    private static final String EXTENT_ITEM = "btrfs_extent_item";
    private static final int EXTENT_ITEM_BYTES = 24;
    private static final long FLAG_DATA = 0x1;
    private static final long FLAG_TREE_BLOCK = 0x2;

    private final BtrfsSuperBlock superblock;
    private final List<BtrfsChunk> chunks;
    private final BtrfsBlockGroups groups;
    private final BtrfsFreeRuns runs;
    private final BtrfsSwapFiles swapFiles;

    /** Index of the chunk whose extents are being read. */
    private int current = -1;

    /** Behind the last extent, or the start of the chunk. */
    private long position;

    private long lastExtent = -1;

    BtrfsExtentTree(
            BtrfsSuperBlock superblock,
            BtrfsChunkMap chunks,
            BtrfsBlockGroups groups,
            BtrfsFreeRuns runs,
            BtrfsSwapFiles swapFiles) {
        this.superblock = superblock;
        this.chunks = chunks.chunks();
        this.groups = groups;
        this.runs = runs;
        this.swapFiles = swapFiles;
    }

    /**
     * Reads the whole tree, tells of every free run and of every extent of data, and counts what is used in each block group.
     *
     * @throws CorruptStructureException if it contradicts the format or the chunks
     */
    void read(BtrfsTreeCursor items) throws IOException {
        for (Optional<BtrfsTreeCursor.Item> next = items.next(); next.isPresent(); next = items.next()) {
            BtrfsTreeCursor.Item item = next.get();
            switch (item.key().type()) {
                case BtrfsKey.EXTENT_ITEM, BtrfsKey.METADATA_ITEM -> extent(item);
                case BtrfsKey.BLOCK_GROUP_ITEM -> {
                    if (superblock.features().hasCompatRo(BtrfsFeatures.COMPAT_RO_BLOCK_GROUP_TREE)) {
                        throw item.corrupt("a block group outside of its own tree");
                    }
                    groups.add(item);
                }
                case BtrfsKey.TREE_BLOCK_REF,
                        BtrfsKey.SHARED_BLOCK_REF,
                        BtrfsKey.EXTENT_DATA_REF,
                        BtrfsKey.SHARED_DATA_REF,
                        BtrfsKey.EXTENT_OWNER_REF -> {
                    if (item.key().objectid() != lastExtent) {
                        throw item.corrupt("reference %s to an extent that is not there".formatted(item.key()));
                    }
                }
                default -> throw item.corrupt("key %s in the extent tree".formatted(item.key()));
            }
        }
        while (current < chunks.size()) {
            leaveGroup();
        }
    }

    private void extent(BtrfsTreeCursor.Item item) throws IOException {
        boolean skinny = item.key().type() == BtrfsKey.METADATA_ITEM;
        long start = item.key().objectid();
        long length = skinny ? superblock.nodeBytes() : item.key().offset();
        int sectorBytes = superblock.sectorBytes();
        if (start < 0 || start % sectorBytes != 0 || length <= 0 || length % sectorBytes != 0) {
            throw item.corrupt("extent %s is not made of sectors".formatted(item.key()));
        }
        while (current < 0 || (current < chunks.size() && chunks.get(current).end() <= start)) {
            leaveGroup();
        }
        if (current == chunks.size() || !chunks.get(current).contains(start, length)) {
            throw item.corrupt("extent %s is not within a chunk".formatted(item.key()));
        }
        if (start < position) {
            throw item.corrupt("extent %s overlaps the one before, which ends at %d".formatted(item.key(), position));
        }
        checkKind(item, skinny, length);
        if (start > position) {
            runs.free(position, start - position);
        }
        position = start + length;
        lastExtent = start;
        groups.use(current, length);
    }

    private void checkKind(BtrfsTreeCursor.Item item, boolean skinny, long length) throws IOException {
        StructureBytes content = item.content(EXTENT_ITEM);
        long generation = content.i64le(8);
        long flags = content.i64le(16);
        if (content.length() < EXTENT_ITEM_BYTES || generation < 0 || generation > superblock.generation()) {
            throw content.corrupt(
                    8, "generation %d, later than the superblock's %d".formatted(generation, superblock.generation()));
        }
        boolean treeBlock = (flags & FLAG_TREE_BLOCK) != 0;
        boolean data = (flags & FLAG_DATA) != 0;
        BtrfsChunk chunk = chunks.get(current);
        boolean fits = treeBlock
                ? length == superblock.nodeBytes() && chunk.holds(BtrfsChunk.METADATA | BtrfsChunk.SYSTEM)
                : !skinny && chunk.holds(BtrfsChunk.DATA);
        boolean declared = !skinny || superblock.features().hasIncompat(BtrfsFeatures.INCOMPAT_SKINNY_METADATA);
        if (treeBlock == data || !fits || !declared) {
            throw content.corrupt(
                    16, "extent %s with flags 0x%x in a chunk of type 0x%x".formatted(item.key(), flags, chunk.type()));
        }
        if (data) {
            swapFiles.lookInto(content, chunk, item.key().objectid(), length);
        }
    }

    /** Tells of what is left of a chunk, and goes to the next. */
    private void leaveGroup() throws IOException {
        if (current >= 0) {
            BtrfsChunk chunk = chunks.get(current);
            if (position < chunk.end()) {
                runs.free(position, chunk.end() - position);
            }
            runs.endGroup(chunk);
        }
        current++;
        if (current < chunks.size()) {
            position = chunks.get(current).logical();
            runs.beginGroup(chunks.get(current));
        }
    }
}
