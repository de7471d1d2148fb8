package virtshrink.filesystem.ext;

import java.util.function.Supplier;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;

/**
 * How a filesystem divides its volume, computed from its superblock and proven to fit. Block numbers count from the volume's start.
 *
 * @param blocks number of the block behind the last
 * @param clusterBlocks blocks in a cluster, the unit of the block bitmap; 1 without {@code bigalloc}
 * @param groups at least 1
 * @param inodeTableBlocks blocks of each group's inode table
 * @param descriptorBlocks blocks of the group descriptor table
 * @param primaryDescriptorBlocks how many of them follow the superblock in one run; the rest is spread over the groups ({@code meta_bg})
 */
record ExtGeometry(
        ExtSuperblock superblock,
        int blockBytes,
        long blocks,
        int clusterBlocks,
        long groups,
        long inodeTableBlocks,
        int descriptorBytes,
        long descriptorBlocks,
        long primaryDescriptorBlocks) {

    /**
     * Checks the superblock's figures against one another and against the volume.
     *
     * @throws CorruptStructureException if they contradict one another or the filesystem is larger than its volume
     */
    static ExtGeometry of(ExtSuperblock sb, long volumeBytes) {
        int blockBytes = sb.blockBytes();
        int clusterBlocks = 1 << (sb.logClusterSize() - sb.logBlockSize());
        ExtFeatures features = sb.features();
        boolean bigalloc = features.hasRoCompat(ExtFeatures.RO_COMPAT_BIGALLOC);
        require(
                bigalloc || clusterBlocks == 1,
                0x1C,
                () -> "clusters of %d blocks without the feature bigalloc".formatted(clusterBlocks));
        long firstDataBlock = blockBytes == 1024 && clusterBlocks == 1 ? 1 : 0;
        require(
                sb.firstDataBlock() == firstDataBlock,
                0x14,
                () -> "first data block %d, expected %d".formatted(sb.firstDataBlock(), firstDataBlock));
        require(sb.blocksCount() > firstDataBlock, 0x4, () -> "no blocks");
        require(
                sb.blocksCount() <= volumeBytes / blockBytes,
                0x4,
                () -> "the filesystem's %d blocks of %d bytes do not fit into its volume of %d bytes"
                        .formatted(sb.blocksCount(), blockBytes, volumeBytes));
        require(
                sb.freeBlocksCount() <= sb.blocksCount() + clusterBlocks,
                0xC,
                () -> "%d free blocks of %d".formatted(sb.freeBlocksCount(), sb.blocksCount()));

        require(
                sb.clustersPerGroup() >= 8
                        && sb.clustersPerGroup() <= 8L * blockBytes
                        && sb.clustersPerGroup() % 8 == 0,
                0x24,
                () -> "%d clusters in a group, blocks of %d bytes".formatted(sb.clustersPerGroup(), blockBytes));
        require(
                sb.blocksPerGroup() == sb.clustersPerGroup() * clusterBlocks,
                0x20,
                () -> "%d blocks in a group of %d clusters of %d blocks"
                        .formatted(sb.blocksPerGroup(), sb.clustersPerGroup(), clusterBlocks));
        long groups = ceilDiv(sb.blocksCount() - firstDataBlock, sb.blocksPerGroup());

        int inodeBytes = sb.inodeBytes();
        require(
                inodeBytes >= 128 && inodeBytes <= blockBytes && Integer.bitCount(inodeBytes) == 1,
                0x58,
                () -> "inodes of %d bytes".formatted(inodeBytes));
        require(
                sb.inodesPerGroup() >= blockBytes / inodeBytes && sb.inodesPerGroup() <= 8L * blockBytes,
                0x28,
                () -> "%d inodes in a group".formatted(sb.inodesPerGroup()));
        require(
                groups <= sb.inodesCount() && groups * sb.inodesPerGroup() == sb.inodesCount(),
                0x0,
                () -> "%d inodes in %d groups of %d".formatted(sb.inodesCount(), groups, sb.inodesPerGroup()));

        boolean large = features.hasIncompat(ExtFeatures.INCOMPAT_64BIT);
        int descriptorBytes = large ? sb.descSize() : 32;
        require(
                !large || (descriptorBytes >= 64 && descriptorBytes <= 1024 && Integer.bitCount(descriptorBytes) == 1),
                0xFE,
                () -> "group descriptors of %d bytes".formatted(descriptorBytes));
        long descriptorBlocks = ceilDiv(groups, blockBytes / descriptorBytes);
        boolean metaBg = features.hasIncompat(ExtFeatures.INCOMPAT_META_BG);
        require(
                !metaBg || sb.firstMetaBg() <= descriptorBlocks,
                0x104,
                () -> "first meta block group %d of %d".formatted(sb.firstMetaBg(), descriptorBlocks));
        require(
                sb.reservedGdtBlocks() <= blockBytes / Integer.BYTES,
                0xCE,
                () -> "%d reserved group descriptor blocks".formatted(sb.reservedGdtBlocks()));
        ExtGeometry geometry = new ExtGeometry(
                sb,
                blockBytes,
                sb.blocksCount(),
                clusterBlocks,
                groups,
                ceilDiv(sb.inodesPerGroup() * inodeBytes, blockBytes),
                descriptorBytes,
                descriptorBlocks,
                metaBg ? sb.firstMetaBg() : descriptorBlocks);
        require(
                geometry.headBlock(0) + 1 + geometry.primaryDescriptorBlocks + (metaBg ? 0 : sb.reservedGdtBlocks())
                        <= geometry.endBlock(0),
                0x20,
                () -> "%d blocks of group descriptors do not fit into the first group"
                        .formatted(geometry.primaryDescriptorBlocks));
        return geometry;
    }

    /** Whether another superblock of the same filesystem places everything where this one does, and starts the checksums alike. */
    boolean agreesWith(ExtGeometry other) {
        ExtSuperblock theirs = other.superblock;
        return blockBytes == other.blockBytes
                && blocks == other.blocks
                && clusterBlocks == other.clusterBlocks
                && groups == other.groups
                && inodeTableBlocks == other.inodeTableBlocks
                && descriptorBytes == other.descriptorBytes
                && descriptorBlocks == other.descriptorBlocks
                && primaryDescriptorBlocks == other.primaryDescriptorBlocks
                && superblock.features().hasLayoutOf(theirs.features())
                && superblock.blocksPerGroup() == theirs.blocksPerGroup()
                && superblock.inodesPerGroup() == theirs.inodesPerGroup()
                && superblock.inodeBytes() == theirs.inodeBytes()
                && superblock.reservedGdtBlocks() == theirs.reservedGdtBlocks()
                && superblock.journalInum() == theirs.journalInum()
                && superblock.mmpBlock() == theirs.mmpBlock()
                && superblock.backupGroup0() == theirs.backupGroup0()
                && superblock.backupGroup1() == theirs.backupGroup1()
                && superblock.checksumSeed() == theirs.checksumSeed()
                && superblock.uuidChecksum() == theirs.uuidChecksum();
    }

    int clustersPerGroup() {
        return (int) superblock.clustersPerGroup();
    }

    long firstBlock(long group) {
        return superblock.firstDataBlock() + group * superblock.blocksPerGroup();
    }

    /** The block behind the group's last; the last group may be short. */
    long endBlock(long group) {
        return Math.min(blocks, firstBlock(group + 1));
    }

    /** Number of clusters in the group; the last cluster of the last group may be cut short and counts. */
    int clusters(long group) {
        return (int) ceilDiv(endBlock(group) - firstBlock(group), clusterBlocks);
    }

    int descriptorsPerBlock() {
        return blockBytes / descriptorBytes;
    }

    /** Where block {@code index} of the group descriptor table lies. */
    long descriptorBlock(long index) {
        long group = index < primaryDescriptorBlocks ? 0 : index * descriptorsPerBlock();
        long start = headBlock(group);
        return index < primaryDescriptorBlocks ? start + 1 + index : start + (hasSuperblock(group) ? 1 : 0);
    }

    /**
     * The blocks at the start of a group that superblock, group descriptors and the blocks reserved for more of them take, block 0 before
     * the first superblock included. May be empty; never reaches beyond the group.
     */
    ByteRange headBlocks(long group) {
        long taken = 0;
        boolean superblockHere = hasSuperblock(group);
        if (superblockHere) {
            taken++;
        }
        if (group / descriptorsPerBlock() < primaryDescriptorBlocks) {
            if (superblockHere) {
                boolean metaBg = superblock.features().hasIncompat(ExtFeatures.INCOMPAT_META_BG);
                taken += primaryDescriptorBlocks + (metaBg ? 0 : superblock.reservedGdtBlocks());
            }
        } else {
            // meta_bg: the first, second and last group of each meta group hold its block of descriptors.
            long within = group % descriptorsPerBlock();
            if (within <= 1 || within == descriptorsPerBlock() - 1) {
                taken++;
            }
        }
        return ByteRange.between(
                firstBlock(group),
                taken == 0 ? firstBlock(group) : Math.min(endBlock(group), headBlock(group) + taken));
    }

    /** Whether the group begins with a copy of the superblock ({@code sparse_super}, {@code sparse_super2}). */
    boolean hasSuperblock(long group) {
        if (group == 0) {
            return true;
        }
        if (superblock.features().hasCompat(ExtFeatures.COMPAT_SPARSE_SUPER2)) {
            return group == superblock.backupGroup0() || group == superblock.backupGroup1();
        }
        if (group == 1 || !superblock.features().hasRoCompat(ExtFeatures.RO_COMPAT_SPARSE_SUPER)) {
            return true;
        }
        return isPower(group, 3) || isPower(group, 5) || isPower(group, 7);
    }

    /** With 1 KiB blocks and bigalloc, group 0 begins with the boot block and its superblock is in block 1. */
    private long headBlock(long group) {
        long first = firstBlock(group);
        return first == 0 && blockBytes == 1024 ? 1 : first;
    }

    private static boolean isPower(long number, int base) {
        long power = base;
        while (power < number) {
            power *= base;
        }
        return power == number;
    }

    private static long ceilDiv(long dividend, long divisor) {
        return dividend / divisor + (dividend % divisor == 0 ? 0 : 1);
    }

    private static void require(boolean condition, int at, Supplier<String> reason) {
        if (!condition) {
            throw new CorruptStructureException(ExtSuperblock.STRUCTURE, ExtSuperblock.OFFSET_BYTES + at, reason.get());
        }
    }
}
