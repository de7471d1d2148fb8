package virtshrink.filesystem.f2fs;

import java.io.IOException;
import java.util.Optional;
import java.util.OptionalLong;
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
 * Reads F2FS on one device.
 *
 * <p>Free space is proven if both superblocks and both checkpoint packs are whole, the newer checkpoint was written by an unmount and nothing was
 * synced behind it, and the segment information table agrees with every count that there is of it. A block is free if its bit there is not set:
 * nothing else refers to it after an unmount. Blocks that are counted beyond those bits must all be accounted for by files that have reserved
 * them ({@link F2fsReservations}).
 *
 * <p>A mount alone leaves no trace before the first checkpoint, so that a filesystem in use by a suspended guest may look unmounted; that the
 * guest really is off is for the caller to know. Thread-safe, without state.
 */
public final class F2fsReader implements FreeSpaceReader {
    private static final String F2FS = "f2fs";
    private static final int LEAST_BYTES = 2 * F2fsSuperblock.BLOCK_BYTES;
    private static final int WARM_NODE = 1;
    private static final int FOOTER_CP_VER = 4084;

    @Override
    public boolean recognises(BlockSource volume) throws IOException {
        return volume.sizeBytes() >= LEAST_BYTES && superblock(volume, 0).u32le(0) == F2fsSuperblock.MAGIC;
    }

    @Override
    public FilesystemReport read(BlockSource volume) throws IOException {
        FilesystemIdentity identity = FilesystemIdentity.ofType(F2FS);
        try {
            if (volume.sizeBytes() < LEAST_BYTES) {
                throw new CorruptStructureException(
                        F2fsSuperblock.STRUCTURE,
                        F2fsSuperblock.OFFSET_BYTES,
                        "does not fit into a volume of %d bytes".formatted(volume.sizeBytes()));
            }
            F2fsSuperblock superblock = F2fsSuperblock.parse(superblock(volume, 0), volume.sizeBytes());
            identity = new FilesystemIdentity(
                    F2FS,
                    superblock.volumeName(),
                    superblock.uuid(),
                    F2fsSuperblock.BLOCK_BYTES,
                    superblock.totalBytes());
            return new FilesystemReport(identity, judge(volume, superblock));
        } catch (CorruptStructureException corrupt) {
            return new FilesystemReport(identity, new FilesystemState.Corrupt(String.valueOf(corrupt.getMessage())));
        }
    }

    private static FilesystemState judge(BlockSource volume, F2fsSuperblock superblock) throws IOException {
        if (superblock.stopReason()) {
            return new FilesystemState.Dirty("marked as having stopped for errors: needs fsck.f2fs");
        }
        Optional<String> unsupported = superblock.whyUnsupported();
        if (unsupported.isPresent()) {
            return new FilesystemState.Unsupported(unsupported.get());
        }
        if (!superblock.equals(F2fsSuperblock.parse(superblock(volume, 1), volume.sizeBytes()))) {
            throw new CorruptStructureException(
                    F2fsSuperblock.STRUCTURE,
                    F2fsSuperblock.BLOCK_BYTES + F2fsSuperblock.OFFSET_BYTES,
                    "the second one describes another filesystem");
        }
        Optional<F2fsCheckpoint> first = F2fsCheckpoint.read(volume, superblock, 0);
        Optional<F2fsCheckpoint> second = F2fsCheckpoint.read(volume, superblock, 1);
        if (first.isEmpty() || second.isEmpty()) {
            return new FilesystemState.Dirty(
                    first.isEmpty() && second.isEmpty()
                            ? "neither of its checkpoints is whole: needs fsck.f2fs"
                            : "one of its two checkpoints is not whole: it was being written; start the guest and shut it down");
        }
        return judge(volume, superblock, second.get().isNewerThan(first.get()) ? second.get() : first.get());
    }

    private static FilesystemState judge(BlockSource volume, F2fsSuperblock superblock, F2fsCheckpoint checkpoint)
            throws IOException {
        Optional<String> dirty = checkpoint.whyDirty();
        if (dirty.isPresent()) {
            return new FilesystemState.Dirty(dirty.get());
        }
        Optional<String> unsupported = checkpoint.whyUnsupported();
        if (unsupported.isPresent()) {
            return new FilesystemState.Unsupported(unsupported.get());
        }
        if (isToBeRolledForward(volume, superblock, checkpoint)) {
            return new FilesystemState.Dirty("files were synced after the last checkpoint: not cleanly unmounted; "
                    + "start the guest and shut it down");
        }
        F2fsSit table = F2fsSit.read(volume, superblock, checkpoint);
        long homeless = checkpoint.validBlockCount() - table.validBlocks();
        if (homeless != 0 && !areReserved(homeless, volume, superblock, table)) {
            return new FilesystemState.Unsupported(
                    "%d blocks are counted as used and have no place: preallocated files, or a damaged table"
                            .formatted(homeless));
        }
        long freeBytes = table.freeBytes() - homeless * F2fsSuperblock.BLOCK_BYTES;
        return new FilesystemState.FreeSpace(freeBytes, atMost(freeBytes, table.free()), Optional.empty(), false);
    }

    /** Whether files have reserved just as many. */
    private static boolean areReserved(long blocks, BlockSource volume, F2fsSuperblock superblock, F2fsSit table)
            throws IOException {
        Optional<RangeSet> nodes = table.nodes();
        return nodes.isPresent()
                && F2fsReservations.count(volume, superblock, nodes.get()).equals(OptionalLong.of(blocks));
    }

    /** What is reserved is not free to the filesystem's own tools, although it is nowhere yet: as much is left out, at the end. */
    private static RangeSet atMost(long bytes, RangeSet free) {
        if (free.totalBytes() <= bytes) {
            return free;
        }
        RangeSet.Builder kept = RangeSet.builder();
        long left = bytes;
        for (ByteRange range : free) {
            long length = Math.min(left, range.lengthBytes());
            if (length > 0) {
                kept.add(range.startBytes(), length);
            }
            left -= length;
        }
        return kept.build();
    }

    /**
     * Whether a mount would find what was synced without a checkpoint: nodes from the next place in the log of warm nodes on, that name the
     * version of the last checkpoint.
     */
    private static boolean isToBeRolledForward(BlockSource volume, F2fsSuperblock superblock, F2fsCheckpoint checkpoint)
            throws IOException {
        F2fsCheckpoint.Log log = checkpoint.logs().get(WARM_NODE);
        long block = superblock.mainBlkaddr() + log.segno() * F2fsSuperblock.SEGMENT_BLOCKS + log.blkoff();
        // The upper half may hold a checksum instead.
        StructureBytes node = F2fsCheckpoint.block(volume, block);
        return node.u32le(FOOTER_CP_VER) == (checkpoint.version() & 0xFFFF_FFFFL);
    }

    private static StructureBytes superblock(BlockSource volume, int copy) throws IOException {
        long offset = (long) copy * F2fsSuperblock.BLOCK_BYTES + F2fsSuperblock.OFFSET_BYTES;
        return new StructureBytes(F2fsSuperblock.STRUCTURE, offset, volume.read(offset, F2fsSuperblock.LENGTH_BYTES));
    }
}
