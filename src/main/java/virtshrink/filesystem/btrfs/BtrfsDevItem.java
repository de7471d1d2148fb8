package virtshrink.filesystem.btrfs;

import virtshrink.block.StructureBytes;

/**
 * {@code struct btrfs_dev_item}, 98 bytes: a device of the filesystem. It stands in the superblock and in the chunk tree; both are written
 * in one transaction and agree in what is read here.
 *
 * @param totalBytes what the filesystem may use of the device
 * @param bytesUsed what chunks are given of it
 */
record BtrfsDevItem(long devid, long totalBytes, long bytesUsed, BtrfsUuid uuid, BtrfsUuid fsid) {
    static final int LENGTH_BYTES = 98;

    static BtrfsDevItem parse(StructureBytes bytes, int at) {
        long devid = bytes.u63le(at);
        long totalBytes = bytes.u63le(at + 8);
        long bytesUsed = bytes.u63le(at + 16);
        BtrfsUuid uuid = BtrfsUuid.parse(bytes, at + 66);
        BtrfsUuid fsid = BtrfsUuid.parse(bytes, at + 82);
        if (bytesUsed > totalBytes) {
            throw bytes.corrupt(at + 16, "%d bytes used of a device of %d".formatted(bytesUsed, totalBytes));
        }
        return new BtrfsDevItem(devid, totalBytes, bytesUsed, uuid, fsid);
    }
}
