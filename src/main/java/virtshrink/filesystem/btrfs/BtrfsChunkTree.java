package virtshrink.filesystem.btrfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import virtshrink.block.StructureBytes;

/**
 * The chunk tree: the devices and every chunk. The superblock repeats those of its chunks that hold the chunk tree itself.
 *
 * @param chunks in ascending order of logical addresses
 */
record BtrfsChunkTree(List<BtrfsChunk> chunks) {
    /** 128 TiB in chunks of 1 GiB: the bound on memory. */
    private static final int MOST_CHUNKS = 1 << 17;

    private static final long DEV_ITEMS_OBJECTID = 1;

    /** The chunks that the superblock repeats ({@code sys_chunk_array}): keys and chunks in turn. */
    static BtrfsChunkTree ofSuperblock(BtrfsSuperBlock superblock) {
        StructureBytes array = superblock.sysChunkArray();
        List<BtrfsChunk> chunks = new ArrayList<>();
        int at = 0;
        while (at < array.length()) {
            BtrfsKey key = BtrfsKey.parse(array, at);
            int chunkAt = at + BtrfsKey.LENGTH_BYTES;
            int length = BtrfsChunk.lengthBytes(array.u16le(chunkAt + 44));
            BtrfsChunk chunk = BtrfsChunk.parse(key, slice(array, chunkAt, length), superblock);
            if (!chunk.holds(BtrfsChunk.SYSTEM)) {
                throw array.corrupt(chunkAt, "type 0x%x is not a system chunk's".formatted(chunk.type()));
            }
            chunks.add(chunk);
            at = chunkAt + length;
        }
        return new BtrfsChunkTree(chunks);
    }

    /**
     * Reads the tree.
     *
     * @param system what the superblock repeats
     * @throws virtshrink.block.CorruptStructureException if it contradicts the format or the superblock
     */
    static BtrfsChunkTree read(BtrfsTreeBlocks blocks, BtrfsChunkTree system) throws IOException {
        BtrfsSuperBlock superblock = blocks.superblock();
        BtrfsTreeCursor items = new BtrfsTreeCursor(
                blocks,
                BtrfsRootItem.CHUNK_TREE,
                BtrfsTreePointer.toRoot(
                        superblock.chunkRoot(), superblock.chunkRootGeneration(), superblock.chunkRootLevel()));
        List<BtrfsChunk> chunks = new ArrayList<>();
        int devices = 0;
        for (Optional<BtrfsTreeCursor.Item> next = items.next(); next.isPresent(); next = items.next()) {
            BtrfsTreeCursor.Item item = next.get();
            if (item.key().type() == BtrfsKey.CHUNK_ITEM) {
                chunks.add(chunk(item, superblock));
                if (chunks.size() > MOST_CHUNKS) {
                    throw item.corrupt("more than %d chunks are not supported".formatted(MOST_CHUNKS));
                }
            } else if (item.key().type() == BtrfsKey.DEV_ITEM) {
                checkDevice(item, superblock);
                devices++;
            } else {
                throw item.corrupt("key %s in the chunk tree".formatted(item.key()));
            }
        }
        if (devices != 1) {
            throw superblock.sysChunkArray().corrupt(0, "the chunk tree knows %d devices, not one".formatted(devices));
        }
        checkSystem(chunks, system, superblock);
        return new BtrfsChunkTree(chunks);
    }

    /** The first profile that is not supported. */
    Optional<String> whyUnsupported() {
        return chunks.stream().flatMap(chunk -> chunk.whyUnsupported().stream()).findFirst();
    }

    private static BtrfsChunk chunk(BtrfsTreeCursor.Item item, BtrfsSuperBlock superblock) {
        StructureBytes content = item.content(BtrfsChunk.STRUCTURE);
        if (content.length() != BtrfsChunk.lengthBytes(content.u16le(44))) {
            throw content.corrupt(44, "%d bytes do not fit the number of stripes".formatted(content.length()));
        }
        return BtrfsChunk.parse(item.key(), content, superblock);
    }

    private static void checkDevice(BtrfsTreeCursor.Item item, BtrfsSuperBlock superblock) {
        BtrfsDevItem expected = superblock.devItem();
        BtrfsDevItem device = BtrfsDevItem.parse(item.content("btrfs_dev_item"), 0);
        if (item.key().objectid() != DEV_ITEMS_OBJECTID
                || item.key().offset() != expected.devid()
                || !device.equals(expected)) {
            throw item.corrupt(
                    "device %s with key %s, but %s in the superblock".formatted(device, item.key(), expected));
        }
    }

    private static void checkSystem(List<BtrfsChunk> chunks, BtrfsChunkTree system, BtrfsSuperBlock superblock) {
        List<BtrfsChunk> expected =
                chunks.stream().filter(chunk -> chunk.holds(BtrfsChunk.SYSTEM)).toList();
        if (!new BtrfsChunkMap(system.chunks()).chunks().equals(expected)) {
            throw superblock
                    .sysChunkArray()
                    .corrupt(
                            0,
                            "%d system chunks, which are not the %d of the chunk tree"
                                    .formatted(system.chunks().size(), expected.size()));
        }
    }

    private static StructureBytes slice(StructureBytes array, int at, int length) {
        return new StructureBytes(
                BtrfsChunk.STRUCTURE, array.offsetBytes() + at, ByteBuffer.wrap(array.bytes(at, length)));
    }
}
