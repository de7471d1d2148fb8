package virtshrink.filesystem.btrfs;

import java.io.IOException;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * The device tree: what of the device is given to chunks, which must be exactly where the chunk tree has them.
 *
 * @param unfinished what a guest has begun and not ended
 */
record BtrfsDeviceTree(Optional<String> unfinished) {
    private static final String REPLACE = "btrfs_dev_replace_item";
    private static final long REPLACE_STARTED = 1;
    private static final long REPLACE_SUSPENDED = 4;
    private static final long DEV_STATS_OBJECTID = 0;

    /** @throws CorruptStructureException if it contradicts the format, the chunks or the superblock */
    static BtrfsDeviceTree read(BtrfsTreeCursor items, BtrfsSuperBlock superblock, List<BtrfsDevExtent> chunks)
            throws IOException {
        Iterator<BtrfsDevExtent> expected = chunks.iterator();
        Optional<String> unfinished = Optional.empty();
        long used = 0;
        for (Optional<BtrfsTreeCursor.Item> next = items.next(); next.isPresent(); next = items.next()) {
            BtrfsTreeCursor.Item item = next.get();
            BtrfsKey key = item.key();
            if (key.type() == BtrfsKey.DEV_EXTENT) {
                BtrfsDevExtent extent = BtrfsDevExtent.parse(
                        key,
                        item.content(BtrfsDevExtent.STRUCTURE),
                        superblock.devItem().devid());
                if (!expected.hasNext() || !expected.next().equals(extent)) {
                    throw item.corrupt("%s is no chunk's".formatted(extent));
                }
                used = Math.addExact(used, extent.place().lengthBytes());
            } else if (key.type() == BtrfsKey.DEV_REPLACE) {
                StructureBytes replace = item.content(REPLACE);
                long state = replace.i64le(32);
                if (state == REPLACE_STARTED || state == REPLACE_SUSPENDED) {
                    unfinished = Optional.of(
                            "the replacement of a device has not finished; start the guest and let btrfs replace finish");
                }
            } else if (key.type() != BtrfsKey.PERSISTENT_ITEM || key.objectid() != DEV_STATS_OBJECTID) {
                throw item.corrupt("key %s in the device tree".formatted(key));
            }
        }
        if (expected.hasNext()) {
            BtrfsDevExtent missing = expected.next();
            throw new CorruptStructureException(
                    BtrfsDevExtent.STRUCTURE, missing.place().startBytes(), "%s is missing".formatted(missing));
        }
        if (used != superblock.devItem().bytesUsed()) {
            throw new CorruptStructureException(
                    "btrfs_dev_item",
                    BtrfsSuperBlock.OFFSET_BYTES,
                    "%d bytes used, but chunks occupy %d"
                            .formatted(superblock.devItem().bytesUsed(), used));
        }
        return new BtrfsDeviceTree(unfinished);
    }
}
