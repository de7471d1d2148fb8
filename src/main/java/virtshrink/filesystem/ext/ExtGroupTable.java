package virtshrink.filesystem.ext;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.BitSet;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * What the group descriptors say, checked against their checksums, the filesystem's bounds and the superblock's totals. Some forty bytes a
 * group.
 */
final class ExtGroupTable {
    /** 128 TiB in blocks of 4 KiB: the bound on memory, and on what an attacker can make us read. */
    static final long MOST_GROUPS = 1 << 20;

    private static final int CHUNK_BYTES = 1 << 20;

    private final ExtGeometry geometry;
    private final ExtChecksums checksums;
    private final long[] blockBitmaps;
    private final int[] freeClusters;
    private final int[] blockBitmapChecksums;
    private final BitSet uninitialised = new BitSet();
    private final ExtGroupMetadata metadata;
    private final long journalGroup;
    private long firstInodeTable;
    private long journalInodeTable;
    private long freeClustersTotal;
    private long freeInodesTotal;

    private ExtGroupTable(ExtGeometry geometry, ExtChecksums checksums) {
        int groups = Math.toIntExact(geometry.groups());
        this.geometry = geometry;
        this.checksums = checksums;
        this.blockBitmaps = new long[groups];
        this.freeClusters = new int[groups];
        this.blockBitmapChecksums = new int[groups];
        this.journalGroup = (geometry.superblock().journalInum() - 1)
                / geometry.superblock().inodesPerGroup();
        this.metadata = new ExtGroupMetadata(groups, geometry.inodeTableBlocks());
    }

    /**
     * @param geometry with at most {@link #MOST_GROUPS} groups
     * @param unmounted whether the superblock's totals are to agree; the kernel brings them up to date when it unmounts
     * @throws CorruptStructureException if a descriptor or a sum is wrong
     */
    static ExtGroupTable read(BlockSource volume, ExtGeometry geometry, ExtChecksums checksums, boolean unmounted)
            throws IOException {
        ExtGroupTable table = new ExtGroupTable(geometry, checksums);
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
                table.add(
                        group++,
                        new StructureBytes(
                                ExtGroupDescriptor.STRUCTURE,
                                offsetBytes + at,
                                chunk.slice(at, geometry.descriptorBytes())));
            }
            index += run;
        }
        if (unmounted) {
            table.checkTotals();
        }
        table.metadata.sort(geometry.blockBytes());
        return table;
    }

    /**
     * Where the inode table of a single group begins.
     *
     * @throws CorruptStructureException if the group's descriptor is wrong
     */
    static long inodeTable(BlockSource volume, ExtGeometry geometry, ExtChecksums checksums, long group)
            throws IOException {
        long block = descriptorBlock(geometry, group / geometry.descriptorsPerBlock());
        long offsetBytes =
                block * geometry.blockBytes() + group % geometry.descriptorsPerBlock() * geometry.descriptorBytes();
        StructureBytes bytes = new StructureBytes(
                ExtGroupDescriptor.STRUCTURE, offsetBytes, volume.read(offsetBytes, geometry.descriptorBytes()));
        return parse(geometry, checksums, (int) group, bytes).inodeTable();
    }

    /** Where the group's block bitmap lies. */
    long blockBitmap(int group) {
        return blockBitmaps[group];
    }

    /** The group's own count of free clusters. */
    int freeClusters(int group) {
        return freeClusters[group];
    }

    int blockBitmapChecksum(int group) {
        return blockBitmapChecksums[group];
    }

    /** Whether the group's block bitmap was never written. */
    boolean isUninitialised(int group) {
        return uninitialised.get(group);
    }

    /** The inode table of group 0, where the reserved inodes are. */
    long firstInodeTable() {
        return firstInodeTable;
    }

    /** The inode table of the group that holds the journal's inode, if that is an inode of this filesystem. */
    long journalInodeTable() {
        return journalInodeTable;
    }

    /** Bitmaps and inode tables of all groups. */
    ExtGroupMetadata metadata() {
        return metadata;
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

    private void add(int group, StructureBytes bytes) {
        ExtGroupDescriptor descriptor = parse(geometry, checksums, group, bytes);
        if (group == 0) {
            firstInodeTable = descriptor.inodeTable();
        }
        if (group == journalGroup) {
            journalInodeTable = descriptor.inodeTable();
        }
        blockBitmaps[group] = descriptor.blockBitmap();
        freeClusters[group] = (int) descriptor.freeClusters();
        blockBitmapChecksums[group] = descriptor.blockBitmapChecksum();
        uninitialised.set(group, descriptor.blockBitmapUninitialised());
        freeClustersTotal += descriptor.freeClusters();
        freeInodesTotal += descriptor.freeInodes();
        metadata.add(group, descriptor);
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

    private void checkTotals() {
        ExtSuperblock superblock = geometry.superblock();
        if (freeClustersTotal * geometry.clusterBlocks() != superblock.freeBlocksCount()) {
            throw new CorruptStructureException(
                    ExtSuperblock.STRUCTURE,
                    ExtSuperblock.OFFSET_BYTES + 0xC,
                    "%d free blocks, but the groups together have %d"
                            .formatted(superblock.freeBlocksCount(), freeClustersTotal * geometry.clusterBlocks()));
        }
        if (freeInodesTotal != superblock.freeInodesCount()) {
            throw new CorruptStructureException(
                    ExtSuperblock.STRUCTURE,
                    ExtSuperblock.OFFSET_BYTES + 0x10,
                    "%d free inodes, but the groups together have %d"
                            .formatted(superblock.freeInodesCount(), freeInodesTotal));
        }
    }
}
