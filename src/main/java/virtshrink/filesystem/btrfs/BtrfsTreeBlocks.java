package virtshrink.filesystem.btrfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * Reads tree blocks, remembers which, and checks that all know the same chunk tree. Of two copies the first is read: if its checksum fails,
 * the filesystem is left alone, whatever the second says. Not thread-safe.
 */
final class BtrfsTreeBlocks {
    /** Neighbours are read together as long as the request stays below. */
    private static final int MOST_RUN_BYTES = 1 << 20;

    /** Bytes between two blocks that cost less to read than another request. */
    private static final int MOST_GAP_BYTES = 64 << 10;

    private final BlockSource volume;
    private final BtrfsSuperBlock superblock;
    private final BtrfsVisitedBlocks visited;
    private BtrfsChunkMap chunks;
    private Optional<BtrfsUuid> chunkTreeUuid = Optional.empty();

    /** @param systemChunks of the superblock: enough to read the chunk tree */
    BtrfsTreeBlocks(BlockSource volume, BtrfsSuperBlock superblock, BtrfsChunkMap systemChunks) {
        this.volume = volume;
        this.superblock = superblock;
        this.visited = new BtrfsVisitedBlocks(superblock);
        this.chunks = systemChunks;
    }

    /** From now on addresses are looked up in all chunks. */
    void use(BtrfsChunkMap allChunks) {
        this.chunks = allChunks;
    }

    BtrfsSuperBlock superblock() {
        return superblock;
    }

    /** Every block read so far. */
    BtrfsVisitedBlocks visited() {
        return visited;
    }

    /** How many blocks may be asked for at once so that they stay small in memory. */
    int mostAtOnce() {
        return MOST_RUN_BYTES / superblock.nodeBytes();
    }

    /**
     * Reads blocks, in few requests where they lie close together.
     *
     * @param owner the tree that they are of; none where snapshots share blocks, which keep their first owner
     * @return in the order of the question
     */
    List<BtrfsTreeBlock> read(List<BtrfsTreePointer> pointers, Optional<Long> owner) throws IOException {
        int nodeBytes = superblock.nodeBytes();
        long[] places = new long[pointers.size()];
        for (int i = 0; i < places.length; i++) {
            long bytenr = pointers.get(i).bytenr();
            if (bytenr < 0 || bytenr % superblock.sectorBytes() != 0) {
                throw new CorruptStructureException(
                        BtrfsTreeBlock.STRUCTURE, 0, "a tree block at logical address %d".formatted(bytenr));
            }
            places[i] = chunks.physicalOfMetadata(bytenr, nodeBytes);
            visited.add(bytenr);
        }
        List<Integer> ascending = new ArrayList<>();
        for (int i = 0; i < places.length; i++) {
            ascending.add(i);
        }
        ascending.sort(Comparator.comparingLong(i -> places[i]));
        BtrfsTreeBlock[] blocks = new BtrfsTreeBlock[places.length];
        int from = 0;
        while (from < places.length) {
            long start = places[ascending.get(from)];
            int to = from + 1;
            while (to < places.length
                    && places[ascending.get(to)] - places[ascending.get(to - 1)] <= nodeBytes + MOST_GAP_BYTES
                    && places[ascending.get(to)] + nodeBytes - start <= MOST_RUN_BYTES) {
                to++;
            }
            ByteBuffer run = volume.read(start, Math.toIntExact(places[ascending.get(to - 1)] + nodeBytes - start));
            for (; from < to; from++) {
                int i = ascending.get(from);
                ByteBuffer content = run.slice(Math.toIntExact(places[i] - start), nodeBytes);
                blocks[i] =
                        parse(new StructureBytes(BtrfsTreeBlock.STRUCTURE, places[i], content), pointers.get(i), owner);
            }
        }
        return Arrays.asList(blocks);
    }

    private BtrfsTreeBlock parse(StructureBytes bytes, BtrfsTreePointer pointer, Optional<Long> owner) {
        BtrfsTreeBlock block = BtrfsTreeBlock.parse(bytes, pointer, owner, superblock);
        if (chunkTreeUuid.isEmpty()) {
            chunkTreeUuid = Optional.of(block.chunkTreeUuid());
        } else if (!chunkTreeUuid.get().equals(block.chunkTreeUuid())) {
            throw bytes.corrupt(
                    0x40, "chunk tree %s, expected %s".formatted(block.chunkTreeUuid(), chunkTreeUuid.get()));
        }
        return block;
    }
}
