package virtshrink.filesystem.btrfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FreeSpaceReader;

/**
 * Reads btrfs on a single device, with every checksum algorithm and with chunks of the profiles single and dup.
 *
 * <p>Free space is proven only if nothing contradicts it: all copies of the superblock agree and know no feature that we do not, no log
 * tree waits, no balance or device replacement is under way, and every tree block read fits its checksum, its place, its parent and its
 * tree. What the extent tree does not name is free, provided that chunk tree and device tree agree on where the chunks lie, each block
 * group's count is that of its extents, all of them together that of the superblock, the free space tree (where there is a valid one) says
 * the same run by run, and every tree block read lies in an extent. The old free space cache is not looked at: it is only a copy.
 *
 * <p>{@code freeBytes} is {@code total_bytes - bytes_used} of the superblock, the filesystem's own accounting, in which every byte counts
 * once, whatever its profile. The free ranges are what is free on the device, and never more: they lack the second copies of dup chunks,
 * the first MiB and 64 KiB from each superblock copy, which the kernel never gives to anybody; and of more than half a million ranges the
 * shortest. A tree's previous versions, to which the superblock's backup roots point, are free space like any other: after a shrink, as
 * after {@code fstrim}, mounting with {@code rescue=usebackuproot} has nothing to go back to.
 *
 * <p>A btrfs carries no mark of being mounted. That no guest has it in use is for others to know, but for a guest that is hibernated in one of
 * its swap files. Thread-safe, without state.
 */
public final class BtrfsReader implements FreeSpaceReader {
    private static final String TYPE = "btrfs";
    private static final boolean MARKS_USE = false;

    @Override
    public boolean recognises(BlockSource volume) throws IOException {
        long magicAt = BtrfsSuperBlock.OFFSET_BYTES + BtrfsSuperBlock.MAGIC_AT;
        return volume.sizeBytes() >= BtrfsSuperBlock.OFFSET_BYTES + BtrfsSuperBlock.LENGTH_BYTES
                && volume.read(magicAt, BtrfsSuperBlock.MAGIC.length).equals(ByteBuffer.wrap(BtrfsSuperBlock.MAGIC));
    }

    @Override
    public FilesystemReport read(BlockSource volume) throws IOException {
        FilesystemIdentity identity = FilesystemIdentity.ofType(TYPE);
        try {
            BtrfsSuperBlock superblock = BtrfsSuperBlock.read(volume);
            identity = new FilesystemIdentity(
                    TYPE,
                    superblock.label(),
                    superblock.fsid().toString(),
                    superblock.sectorBytes(),
                    superblock.totalBytes());
            return new FilesystemReport(identity, judge(volume, superblock));
        } catch (CorruptStructureException corrupt) {
            return new FilesystemReport(identity, new FilesystemState.Corrupt(String.valueOf(corrupt.getMessage())));
        }
    }

    private static FilesystemState judge(BlockSource volume, BtrfsSuperBlock superblock) throws IOException {
        // Dirty comes before unsupported: it tells that other filesystems of the same guest are to be left alone as
        // well.
        Optional<String> dirty = superblock.whyDirty();
        if (dirty.isPresent()) {
            return new FilesystemState.Dirty(dirty.get());
        }
        Optional<String> unsupported = superblock.whyUnsupported();
        if (unsupported.isPresent()) {
            return new FilesystemState.Unsupported(unsupported.get());
        }
        superblock.checkDevice(volume.sizeBytes());
        BtrfsSuperBlock.checkMirrors(volume);
        BtrfsChunkTree system = BtrfsChunkTree.ofSuperblock(superblock);
        Optional<String> profile = system.whyUnsupported();
        if (profile.isPresent()) {
            return new FilesystemState.Unsupported(profile.get());
        }
        BtrfsTreeBlocks blocks = new BtrfsTreeBlocks(volume, superblock, new BtrfsChunkMap(system.chunks()));
        BtrfsChunkTree tree = BtrfsChunkTree.read(blocks, system);
        profile = tree.whyUnsupported();
        if (profile.isPresent()) {
            return new FilesystemState.Unsupported(profile.get());
        }
        BtrfsChunkMap chunks = new BtrfsChunkMap(tree.chunks());
        blocks.use(chunks);
        return judge(volume, blocks, chunks);
    }

    private static FilesystemState judge(BlockSource volume, BtrfsTreeBlocks blocks, BtrfsChunkMap chunks)
            throws IOException {
        BtrfsSuperBlock superblock = blocks.superblock();
        BtrfsRootTree roots = BtrfsRootTree.read(blocks);
        BtrfsDeviceTree device =
                BtrfsDeviceTree.read(roots.open(blocks, BtrfsRootItem.DEV_TREE), superblock, chunks.devExtents());
        Optional<String> unfinished = roots.unfinished().or(device::unfinished);
        if (unfinished.isPresent()) {
            return new FilesystemState.Dirty(unfinished.get());
        }
        BtrfsBlockGroups groups = new BtrfsBlockGroups(chunks);
        if (superblock.features().hasCompatRo(BtrfsFeatures.COMPAT_RO_BLOCK_GROUP_TREE)) {
            groups.read(roots.open(blocks, BtrfsRootItem.BLOCK_GROUP_TREE));
        }
        Optional<BtrfsFreeSpaceTree> freeSpaceTree = superblock.features().hasValidFreeSpaceTree()
                ? Optional.of(new BtrfsFreeSpaceTree(
                        roots.open(blocks, BtrfsRootItem.FREE_SPACE_TREE), superblock.sectorBytes()))
                : Optional.empty();
        BtrfsFreeSpace freeSpace = new BtrfsFreeSpace(freeSpaceTree);
        BtrfsSwapFiles swapFiles = new BtrfsSwapFiles(volume);
        new BtrfsExtentTree(superblock, chunks, groups, freeSpace, swapFiles)
                .read(roots.open(blocks, BtrfsRootItem.EXTENT_TREE));
        if (swapFiles.whyHibernated().isPresent()) {
            return new FilesystemState.Hibernated(swapFiles.whyHibernated().get());
        }
        groups.check(superblock);
        RangeSet free = freeSpace.onDevice(chunks, blocks.visited(), superblock.deviceBytes());
        return new FilesystemState.FreeSpace(
                superblock.totalBytes() - superblock.bytesUsed(), free, Optional.empty(), MARKS_USE);
    }
}
