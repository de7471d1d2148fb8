package virtshrink.filesystem.xfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.RangeSet;
import virtshrink.block.StructureBytes;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FreeSpaceReader;

/**
 * Reads XFS of versions 4 and 5.
 *
 * <p>Free space is proven only if nothing contradicts it: the log ends with an unmount record, the superblock knows no feature that we do not,
 * every checksum fits, in each group the free extents by block and by length are the same ones and as many as its header says, no inode, log,
 * tree or free-list block is among them, and all groups together have what the superblock says. Where there are reverse mappings, every
 * block has to be either free or somebody's. Copies of the superblock are never used in its place.
 *
 * <p>The free ranges are exact unless there are more than half a million; then the shortest are missing. Thread-safe, without state.
 */
public final class XfsReader implements FreeSpaceReader {
    private static final String TYPE = "xfs";

    /** Sixteen bytes each; what is forgotten beyond are the shortest ranges, of least use to anyone. */
    private static final int MOST_RANGES = 1 << 19;

    /** Each costs a request or two. */
    private static final int MOST_GROUPS = 1 << 18;

    @Override
    public boolean recognises(BlockSource volume) throws IOException {
        if (volume.sizeBytes() < XfsSuperblock.LEAST_SECTOR_BYTES) {
            return false;
        }
        ByteBuffer head = volume.read(0, Long.BYTES);
        int blocksize = head.getInt(XfsSuperblock.BLOCKSIZE_AT);
        return head.getInt(0) == XfsSuperblock.MAGIC
                && blocksize >= XfsSuperblock.LEAST_BLOCK_BYTES
                && blocksize <= XfsSuperblock.MOST_BLOCK_BYTES
                && Integer.bitCount(blocksize) == 1;
    }

    @Override
    public FilesystemReport read(BlockSource volume) throws IOException {
        FilesystemIdentity identity = FilesystemIdentity.ofType(TYPE);
        try {
            XfsSuperblock superblock = readSuperblock(volume);
            identity = identityOf(superblock);
            return new FilesystemReport(identity, judge(volume, superblock));
        } catch (CorruptStructureException corrupt) {
            return new FilesystemReport(identity, new FilesystemState.Corrupt(String.valueOf(corrupt.getMessage())));
        }
    }

    private static XfsSuperblock readSuperblock(BlockSource volume) throws IOException {
        long most = Math.min(volume.sizeBytes(), XfsSuperblock.MOST_SECTOR_BYTES);
        ByteBuffer head = volume.read(0, (int) most);
        StructureBytes all = new StructureBytes(XfsSuperblock.STRUCTURE, 0, head);
        int sector = all.u16be(XfsSuperblock.SECTSIZE_AT);
        // What is no sector size is told with the other fields.
        int length = sector < XfsSuperblock.LEAST_SECTOR_BYTES ? XfsSuperblock.LEAST_SECTOR_BYTES : sector;
        return XfsSuperblock.parse(
                new StructureBytes(XfsSuperblock.STRUCTURE, 0, ByteBuffer.wrap(all.bytes(0, length))));
    }

    private static FilesystemIdentity identityOf(XfsSuperblock superblock) {
        int blockBytes = superblock.blockBytes();
        // A block count that no volume could hold is not a size worth telling.
        boolean plausible = superblock.dblocks() <= Long.MAX_VALUE / blockBytes;
        return new FilesystemIdentity(
                TYPE,
                superblock.label(),
                superblock.uuidText(),
                blockBytes,
                plausible ? superblock.dblocks() * blockBytes : 0);
    }

    private static FilesystemState judge(BlockSource volume, XfsSuperblock superblock) throws IOException {
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
        if (superblock.agcount() > MOST_GROUPS) {
            return new FilesystemState.Unsupported("%d allocation groups, more than %d are not supported"
                    .formatted(superblock.agcount(), MOST_GROUPS));
        }
        XfsGeometry geometry = XfsGeometry.of(superblock, volume.sizeBytes());
        XfsLog.Verdict log = XfsLog.read(volume, geometry);
        if (log.whyDirty().isPresent()) {
            return new FilesystemState.Dirty(log.whyDirty().get());
        }
        superblock.verifyWrittenBefore(log.end());
        try {
            return freeSpace(volume, geometry, log.end());
        } catch (XfsFreeExtents.TooManyException tooMany) {
            return new FilesystemState.Unsupported("an allocation group has more than %d free extents: defragment it"
                    .formatted(XfsFreeExtents.MOST_EXTENTS));
        }
    }

    private static FilesystemState freeSpace(BlockSource volume, XfsGeometry geometry, XfsLsn logEnd)
            throws IOException {
        XfsSuperblock superblock = geometry.superblock();
        RangeSet.Builder free = RangeSet.builder(MOST_RANGES);
        long freeBlocks = 0;
        long counted = 0;
        long inodes = 0;
        long freeInodes = 0;
        for (int number = 0; number < geometry.groups(); number++) {
            XfsAllocationGroup group = XfsAllocationGroup.read(volume, geometry, number, logEnd);
            XfsFreeExtents extents = group.free();
            for (int i = 0; i < extents.size(); i++) {
                free.add(geometry.offsetBytes(number, extents.start(i)), extents.length(i) * geometry.blockBytes());
            }
            freeBlocks += extents.blocks();
            counted += group.countedAsFree();
            inodes += group.agi().count();
            freeInodes += group.agi().freecount();
        }
        CorruptStructureException.verify(
                counted == superblock.fdblocks() && inodes == superblock.icount() && freeInodes == superblock.ifree(),
                XfsSuperblock.STRUCTURE,
                128,
                "%d blocks and %d of %d inodes free, the groups together have %d and %d of %d"
                        .formatted(
                                superblock.fdblocks(),
                                superblock.ifree(),
                                superblock.icount(),
                                counted,
                                freeInodes,
                                inodes));
        return new FilesystemState.FreeSpace(freeBlocks * geometry.blockBytes(), free.build());
    }
}
