package virtshrink.filesystem.btrfs;

import java.nio.ByteBuffer;
import java.util.Optional;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * {@code struct btrfs_header} with the items of a leaf ({@code btrfs_item}) or the pointers of a node ({@code btrfs_key_ptr}) behind it.
 * Immutable.
 */
final class BtrfsTreeBlock {
    static final String STRUCTURE = "btrfs_header";

    private static final int HEADER_BYTES = 101;
    private static final int ITEM_BYTES = 25;
    private static final int KEY_PTR_BYTES = 33;

    private final StructureBytes bytes;
    private final BtrfsUuid chunkTreeUuid;
    private final int level;
    private final int nritems;

    private BtrfsTreeBlock(StructureBytes bytes, BtrfsUuid chunkTreeUuid, int level, int nritems) {
        this.bytes = bytes;
        this.chunkTreeUuid = chunkTreeUuid;
        this.level = level;
        this.nritems = nritems;
    }

    /**
     * Checks all that a block says of itself.
     *
     * @param bytes the whole block
     * @param owner the tree it has to be of, where that is known
     * @throws CorruptStructureException if any of it contradicts the format, the pointer or the superblock
     */
    static BtrfsTreeBlock parse(
            StructureBytes bytes, BtrfsTreePointer pointer, Optional<Long> owner, BtrfsSuperBlock superblock) {
        BtrfsUuid fsid = BtrfsUuid.parse(bytes, 0x20);
        long bytenr = bytes.i64le(0x30);
        BtrfsUuid chunkTreeUuid = BtrfsUuid.parse(bytes, 0x40);
        long generation = bytes.i64le(0x50);
        long blockOwner = bytes.i64le(0x58);
        long nritems = bytes.u32le(0x60);
        int level = bytes.u8(0x64);

        if (!superblock.checksum().matches(bytes.bytes(0, bytes.length()))) {
            throw bytes.corrupt(0, "checksum of the tree block at %d does not match".formatted(pointer.bytenr()));
        }
        expect(bytes, 0x20, "fsid", fsid, superblock.metadataUuid());
        expect(bytes, 0x30, "address", bytenr, pointer.bytenr());
        expect(bytes, 0x50, "generation", generation, pointer.generation());
        expect(bytes, 0x58, "owner", blockOwner, owner.orElse(blockOwner));
        expect(bytes, 0x64, "level", level, pointer.level());
        int room = (bytes.length() - HEADER_BYTES) / (level == 0 ? ITEM_BYTES : KEY_PTR_BYTES);
        // Only a tree without any item has an empty block: its root, a leaf.
        if (nritems > room || (nritems == 0 && (level > 0 || pointer.firstKey().isPresent()))) {
            throw bytes.corrupt(0x60, "%d items at level %d".formatted(nritems, level));
        }
        BtrfsTreeBlock block = new BtrfsTreeBlock(bytes, chunkTreeUuid, level, (int) nritems);
        block.checkKeys(pointer);
        if (level == 0) {
            block.checkItems();
        }
        return block;
    }

    BtrfsUuid chunkTreeUuid() {
        return chunkTreeUuid;
    }

    int level() {
        return level;
    }

    int nritems() {
        return nritems;
    }

    BtrfsKey key(int slot) {
        return BtrfsKey.parse(bytes, slotAt(slot));
    }

    /** A node's child. */
    BtrfsTreePointer pointer(int slot) {
        int at = slotAt(slot);
        BtrfsKey key = BtrfsKey.parse(bytes, at);
        long blockptr = bytes.i64le(at + BtrfsKey.LENGTH_BYTES);
        long generation = bytes.i64le(at + BtrfsKey.LENGTH_BYTES + Long.BYTES);
        return new BtrfsTreePointer(blockptr, generation, level - 1, Optional.of(key));
    }

    /** The content of a leaf's item. */
    StructureBytes item(int slot, String structure) {
        int at = HEADER_BYTES + Math.toIntExact(itemOffset(slot));
        return new StructureBytes(
                structure, bytes.offsetBytes() + at, ByteBuffer.wrap(bytes.bytes(at, Math.toIntExact(itemSize(slot)))));
    }

    /** A contradiction that the whole block shows, not one of its fields. */
    CorruptStructureException corrupt(int slot, String reason) {
        return bytes.corrupt(slotAt(slot), reason);
    }

    private int slotAt(int slot) {
        return HEADER_BYTES + slot * (level == 0 ? ITEM_BYTES : KEY_PTR_BYTES);
    }

    private long itemOffset(int slot) {
        return bytes.u32le(slotAt(slot) + BtrfsKey.LENGTH_BYTES);
    }

    private long itemSize(int slot) {
        return bytes.u32le(slotAt(slot) + BtrfsKey.LENGTH_BYTES + Integer.BYTES);
    }

    private void checkKeys(BtrfsTreePointer pointer) {
        for (int slot = 0; slot < nritems; slot++) {
            BtrfsKey key = key(slot);
            if (slot > 0 && key(slot - 1).compareTo(key) >= 0) {
                throw corrupt(slot, "key %s follows %s".formatted(key, key(slot - 1)));
            }
            if (slot == 0
                    && pointer.firstKey().isPresent()
                    && !pointer.firstKey().get().equals(key)) {
                throw corrupt(
                        0,
                        "first key %s, but %s in the parent"
                                .formatted(key, pointer.firstKey().get()));
            }
        }
    }

    /** Items lie without gap or overlap from the block's end towards its start. */
    private void checkItems() {
        long end = (long) bytes.length() - HEADER_BYTES;
        for (int slot = 0; slot < nritems; slot++) {
            long offset = itemOffset(slot);
            long size = itemSize(slot);
            if (offset + size != end) {
                throw corrupt(slot, "item of %d bytes at %d does not end at %d".formatted(size, offset, end));
            }
            end = offset;
        }
        if (end < (long) nritems * ITEM_BYTES) {
            throw corrupt(0, "items reach into their own list");
        }
    }

    private static void expect(StructureBytes bytes, int at, String field, Object found, Object expected) {
        if (!found.equals(expected)) {
            throw bytes.corrupt(at, "%s %s, expected %s".formatted(field, found, expected));
        }
    }
}
