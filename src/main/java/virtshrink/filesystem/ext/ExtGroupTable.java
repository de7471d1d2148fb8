package virtshrink.filesystem.ext;

import java.io.IOException;
import java.util.BitSet;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;

/**
 * What the group descriptors say, checked against their checksums, the filesystem's bounds and the superblock's totals. Some forty bytes a
 * group.
 */
final class ExtGroupTable {
    /** 128 TiB in blocks of 4 KiB: the bound on memory, and on what an attacker can make us read. */
    static final long MOST_GROUPS = 1 << 20;

    private final ExtGeometry geometry;
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

    private ExtGroupTable(ExtGeometry geometry) {
        int groups = Math.toIntExact(geometry.groups());
        this.geometry = geometry;
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
        ExtGroupTable table = new ExtGroupTable(geometry);
        ExtGroupDescriptors.each(volume, geometry, checksums, table::add);
        if (unmounted) {
            table.checkTotals();
        }
        table.metadata.sort(geometry.blockBytes());
        return table;
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

    private void add(int group, ExtGroupDescriptor descriptor) {
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
