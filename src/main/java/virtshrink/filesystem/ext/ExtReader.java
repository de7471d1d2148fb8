package virtshrink.filesystem.ext;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.RangeSet;
import virtshrink.block.StructureBytes;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FreeSpaceReader;

/**
 * Reads ext2, ext3 and ext4.
 *
 * <p>Free space is proven only if nothing contradicts it: the superblock is clean and knows no feature that we do not, the journal is empty,
 * every checksum fits, each group's bitmap has as many free clusters as its descriptor says and all descriptors together as many as the
 * superblock, and every block that is known to hold metadata, the journal or the root directory is marked used. Backup superblocks are never used: a filesystem whose first
 * superblock is broken is corrupt.
 *
 * <p>The free ranges are exact unless there are more than half a million; then the shortest are missing. Thread-safe, without state.
 */
public final class ExtReader implements FreeSpaceReader {
    private static final int ROOT_INODE = 2;

    private final boolean replaysJournals;

    /** Leaves alone what needs recovery. */
    public ExtReader() {
        this(false);
    }

    private ExtReader(boolean replaysJournals) {
        this.replaysJournals = replaysJournals;
    }

    /**
     * Reads a filesystem that needs recovery as it will be after that, replaying its journal in memory. That is right for a guest that was
     * powered off hard and will boot again; never for one that was suspended, which continues from what it has in memory.
     */
    public static ExtReader replayingJournals() {
        return new ExtReader(true);
    }

    @Override
    public boolean recognises(BlockSource volume) throws IOException {
        if (volume.sizeBytes() < ExtSuperblock.OFFSET_BYTES + ExtSuperblock.LENGTH_BYTES) {
            return false;
        }
        ByteBuffer head = volume.read(ExtSuperblock.OFFSET_BYTES, 64).order(ByteOrder.LITTLE_ENDIAN);
        // Sixteen bits of magic number are few: the block size has to be one as well.
        int logBlockSize = head.getInt(ExtSuperblock.LOG_BLOCK_SIZE_AT);
        return head.getChar(ExtSuperblock.MAGIC_AT) == ExtSuperblock.MAGIC
                && logBlockSize >= 0
                && logBlockSize <= ExtSuperblock.MOST_LOG_BLOCK_SIZE;
    }

    @Override
    public FilesystemReport read(BlockSource volume) throws IOException {
        FilesystemIdentity identity = FilesystemIdentity.ofType("ext4");
        try {
            if (volume.sizeBytes() < ExtSuperblock.OFFSET_BYTES + ExtSuperblock.LENGTH_BYTES) {
                throw new CorruptStructureException(
                        ExtSuperblock.STRUCTURE,
                        ExtSuperblock.OFFSET_BYTES,
                        "does not fit into a volume of %d bytes".formatted(volume.sizeBytes()));
            }
            ExtSuperblock superblock = ExtSuperblock.parse(
                    structure(volume, ExtSuperblock.STRUCTURE, ExtSuperblock.OFFSET_BYTES, ExtSuperblock.LENGTH_BYTES));
            identity = identityOf(superblock);
            return new FilesystemReport(identity, judge(volume, superblock));
        } catch (CorruptStructureException corrupt) {
            return new FilesystemReport(identity, new FilesystemState.Corrupt(String.valueOf(corrupt.getMessage())));
        }
    }

    private static FilesystemIdentity identityOf(ExtSuperblock superblock) {
        int blockBytes = superblock.blockBytes();
        // A block count that no volume could hold is not a size worth telling.
        boolean plausible = superblock.blocksCount() <= Long.MAX_VALUE / blockBytes;
        return new FilesystemIdentity(
                superblock.type(),
                superblock.volumeName(),
                superblock.uuid(),
                blockBytes,
                plausible ? superblock.blocksCount() * blockBytes : 0);
    }

    private FilesystemState judge(BlockSource volume, ExtSuperblock superblock) throws IOException {
        if (superblock.isJournalDevice()) {
            return new FilesystemState.Unsupported("external journal of another filesystem");
        }
        // Dirty comes before unsupported: it tells that other filesystems of the same guest are to be left alone as
        // well.
        Optional<String> dirty = superblock.whyDirty();
        if (superblock.needsRecovery()) {
            return replaysJournals
                    ? judgeRecovered(volume, superblock)
                    : new FilesystemState.Dirty(superblock.whyNeedsRecovery());
        } else if (dirty.isPresent()) {
            return new FilesystemState.Dirty(dirty.get());
        }
        Optional<String> unsupported = superblock.whyUnsupported();
        if (unsupported.isPresent()) {
            return new FilesystemState.Unsupported(unsupported.get());
        }
        ExtGeometry geometry = ExtGeometry.of(superblock, volume.sizeBytes());
        if (geometry.groups() > ExtGroupTable.MOST_GROUPS) {
            return new FilesystemState.Unsupported("%d block groups, more than %d are not supported"
                    .formatted(geometry.groups(), ExtGroupTable.MOST_GROUPS));
        }
        return judge(volume, geometry);
    }

    private static FilesystemState judgeRecovered(BlockSource onDisk, ExtSuperblock superblock) throws IOException {
        ExtRecovery recovery = ExtRecovery.run(onDisk, superblock);
        if (!(recovery instanceof ExtRecovery.Replayed replayed)) {
            return new FilesystemState.Dirty("%s; not replayed in memory: %s"
                    .formatted(ExtSuperblock.NEEDS_RECOVERY, ((ExtRecovery.Refused) recovery).reason()));
        }
        BlockSource volume = replayed.volume();
        ExtGeometry geometry = replayed.geometry();
        ExtChecksums checksums = new ExtChecksums(geometry.superblock());
        Optional<String> mounted = whyMounted(volume, geometry, checksums);
        if (mounted.isPresent()) {
            return new FilesystemState.Dirty(mounted.get());
        }
        ExtGroupTable table = ExtGroupTable.read(volume, geometry, checksums, false);
        FilesystemState.FreeSpace space = readFreeSpace(volume, geometry, checksums, table, replayed.journal());
        Optional<String> hibernated = ExtSwapFiles.findHibernated(volume, geometry, checksums);
        return hibernated.isPresent()
                ? new FilesystemState.Hibernated(hibernated.get())
                : new FilesystemState.FreeSpace(space.freeBytes(), space.free(), Optional.of(replayed.summary()));
    }

    private static FilesystemState judge(BlockSource volume, ExtGeometry geometry) throws IOException {
        ExtSuperblock superblock = geometry.superblock();
        ExtChecksums checksums = new ExtChecksums(superblock);
        Optional<String> mounted = whyMounted(volume, geometry, checksums);
        if (mounted.isPresent()) {
            return new FilesystemState.Dirty(mounted.get());
        }
        ExtGroupTable table = ExtGroupTable.read(volume, geometry, checksums, true);
        RangeSet inUse = RangeSet.empty();
        if (ExtJournal.isPresent(superblock)) {
            ExtInode inode =
                    ExtInode.read(volume, geometry, checksums, superblock.journalInum(), table.journalInodeTable());
            ExtInode.Beginning journal = inode.beginning(volume, geometry);
            Optional<String> pending =
                    ExtJournal.read(volume, geometry, inode, journal).whyDirty();
            if (pending.isPresent()) {
                return new FilesystemState.Dirty(pending.get());
            }
            inUse = journal.inUse();
        }
        return readFreeSpace(volume, geometry, checksums, table, inUse);
    }

    /** @param journal what is known to be in use by the journal */
    private static FilesystemState.FreeSpace readFreeSpace(
            BlockSource volume, ExtGeometry geometry, ExtChecksums checksums, ExtGroupTable table, RangeSet journal)
            throws IOException {
        RangeSet inUse = journal;
        if (hasMmp(geometry)) {
            long mmpBytes = geometry.superblock().mmpBlock() * geometry.blockBytes();
            inUse = inUse.union(RangeSet.of(new ByteRange(mmpBytes, ExtMmpBlock.LENGTH_BYTES)));
        }
        ExtInode root = ExtInode.read(volume, geometry, checksums, ROOT_INODE, table.firstInodeTable());
        if (!root.isDirectory()) {
            throw root.iBlock().corrupt(0, "the root inode is not a directory");
        }
        inUse = inUse.union(root.beginning(volume, geometry).inUse());
        return ExtFreeSpace.read(volume, geometry, checksums, table, inUse);
    }

    private static boolean hasMmp(ExtGeometry geometry) {
        return geometry.superblock().features().hasIncompat(ExtFeatures.INCOMPAT_MMP);
    }

    private static Optional<String> whyMounted(BlockSource volume, ExtGeometry geometry, ExtChecksums checksums)
            throws IOException {
        return hasMmp(geometry) ? readMmp(volume, geometry, checksums).whyDirty() : Optional.empty();
    }

    private static ExtMmpBlock readMmp(BlockSource volume, ExtGeometry geometry, ExtChecksums checksums)
            throws IOException {
        ExtSuperblock superblock = geometry.superblock();
        long block = superblock.mmpBlock();
        if (block <= superblock.firstDataBlock() || block >= geometry.blocks()) {
            throw new CorruptStructureException(
                    ExtSuperblock.STRUCTURE,
                    ExtSuperblock.OFFSET_BYTES + 0x168,
                    "block %d for multiple-mount protection is not within the filesystem".formatted(block));
        }
        return ExtMmpBlock.parse(
                structure(volume, ExtMmpBlock.STRUCTURE, block * geometry.blockBytes(), ExtMmpBlock.LENGTH_BYTES),
                checksums);
    }

    private static StructureBytes structure(BlockSource volume, String name, long offsetBytes, int lengthBytes)
            throws IOException {
        return new StructureBytes(name, offsetBytes, volume.read(offsetBytes, lengthBytes));
    }
}
