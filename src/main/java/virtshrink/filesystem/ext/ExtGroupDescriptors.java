package virtshrink.filesystem.ext;

import java.io.IOException;
import java.nio.ByteBuffer;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/** Reads group descriptors, each checked against its checksum and the filesystem's bounds. */
final class ExtGroupDescriptors {
    private static final int CHUNK_BYTES = 1 << 20;

    private ExtGroupDescriptors() {}

    /** Takes one group's descriptor. */
    interface Taker {
        void take(int group, ExtGroupDescriptor descriptor) throws IOException;
    }

    /**
     * All of them, in the order of the groups.
     *
     * @throws CorruptStructureException if a descriptor is wrong
     */
    static void each(BlockSource volume, ExtGeometry geometry, ExtChecksums checksums, Taker taker) throws IOException {
        int group = 0;
        long index = 0;
        while (index < geometry.descriptorBlocks()) {
            long start = descriptorBlock(geometry, index);
            long run = 1;
            while (index + run < geometry.descriptorBlocks()
                    && (run + 1) * geometry.blockBytes() <= CHUNK_BYTES
                    && geometry.descriptorBlock(index + run) == start + run) {
                run++;
            }
            long offsetBytes = start * geometry.blockBytes();
            ByteBuffer chunk = volume.read(offsetBytes, Math.toIntExact(run * geometry.blockBytes()));
            int here = (int) Math.min(run * geometry.descriptorsPerBlock(), geometry.groups() - group);
            for (int i = 0; i < here; i++) {
                int at = i * geometry.descriptorBytes();
                StructureBytes bytes = new StructureBytes(
                        ExtGroupDescriptor.STRUCTURE, offsetBytes + at, chunk.slice(at, geometry.descriptorBytes()));
                taker.take(group, parse(geometry, checksums, group, bytes));
                group++;
            }
            index += run;
        }
    }

    /**
     * That of a single group.
     *
     * @throws CorruptStructureException if the descriptor is wrong
     */
    static ExtGroupDescriptor one(BlockSource volume, ExtGeometry geometry, ExtChecksums checksums, int group)
            throws IOException {
        long block = descriptorBlock(geometry, group / geometry.descriptorsPerBlock());
        long offsetBytes = block * geometry.blockBytes()
                + (long) (group % geometry.descriptorsPerBlock()) * geometry.descriptorBytes();
        StructureBytes bytes = new StructureBytes(
                ExtGroupDescriptor.STRUCTURE, offsetBytes, volume.read(offsetBytes, geometry.descriptorBytes()));
        return parse(geometry, checksums, group, bytes);
    }

    private static long descriptorBlock(ExtGeometry geometry, long index) {
        long block = geometry.descriptorBlock(index);
        if (block >= geometry.blocks()) {
            throw new CorruptStructureException(
                    ExtGroupDescriptor.STRUCTURE,
                    block * geometry.blockBytes(),
                    "block %d of the group descriptors lies beyond the filesystem's %d blocks"
                            .formatted(index, geometry.blocks()));
        }
        return block;
    }

    private static ExtGroupDescriptor parse(
            ExtGeometry geometry, ExtChecksums checksums, int group, StructureBytes bytes) {
        ExtGroupDescriptor descriptor = ExtGroupDescriptor.parse(bytes);
        if (!checksums.descriptorMatches(bytes, group)) {
            throw bytes.corrupt(0x1E, "checksum of group %d does not match".formatted(group));
        }
        if (descriptor.claimsUninitialised()
                && !geometry.superblock().features().hasDescriptorChecksums()) {
            throw bytes.corrupt(0x12, "group %d is flagged uninitialised without checksums".formatted(group));
        }
        if (descriptor.blockBitmapUninitialised() && group == geometry.groups() - 1) {
            throw bytes.corrupt(0x12, "the bitmap of the last group, %d, is uninitialised".formatted(group));
        }
        checkPlace(geometry, bytes, group, 0x0, "block bitmap", descriptor.blockBitmap(), 1);
        checkPlace(geometry, bytes, group, 0x4, "inode bitmap", descriptor.inodeBitmap(), 1);
        checkPlace(geometry, bytes, group, 0x8, "inode table", descriptor.inodeTable(), geometry.inodeTableBlocks());
        if (descriptor.freeClusters() > geometry.clusters(group)) {
            throw bytes.corrupt(
                    0xC,
                    "%d free clusters in group %d of %d"
                            .formatted(descriptor.freeClusters(), group, geometry.clusters(group)));
        }
        if (descriptor.freeInodes() > geometry.superblock().inodesPerGroup()) {
            throw bytes.corrupt(0xE, "%d free inodes in group %d".formatted(descriptor.freeInodes(), group));
        }
        return descriptor;
    }

    /** With {@code flex_bg} a group's metadata may lie anywhere, otherwise in the group itself. */
    private static void checkPlace(
            ExtGeometry geometry, StructureBytes bytes, int group, int at, String what, long block, long length) {
        boolean anywhere = geometry.superblock().features().hasIncompat(ExtFeatures.INCOMPAT_FLEX_BG);
        long from = anywhere ? geometry.superblock().firstDataBlock() : geometry.firstBlock(group);
        long end = anywhere ? geometry.blocks() : geometry.endBlock(group);
        // Block 0 never holds metadata but that of the volume itself.
        if (block < Math.max(from, 1) || block > end - length) {
            throw bytes.corrupt(
                    at,
                    "%s of group %d at block %d, length %d, is not within blocks %d to %d"
                            .formatted(what, group, block, length, from, end));
        }
    }
}
