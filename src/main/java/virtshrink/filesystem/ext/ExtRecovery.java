package virtshrink.filesystem.ext;

import java.io.IOException;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.RangeSet;
import virtshrink.block.StructureBytes;

/**
 * What the guest's own recovery will make of a filesystem whose journal holds transactions, without writing anything.
 *
 * <p>Why free space may be told from that: every transaction of jbd2 takes the filesystem from one consistent state to the next, block
 * bitmaps and group descriptors included, and a recovery ends at the last complete one. A block that is free in that state belongs to nothing in it; what
 * an unfinished transaction wrote there is forgotten by the recovery. Orphans, files that were deleted while open or that were being
 * truncated, are still whole in that state, with all their blocks marked used: cleaning them up reads those and frees them. The recovery
 * itself reads the journal, whose blocks are in use, and may write into free blocks, which is of no concern.
 *
 * <p>As the kernel does, the journal is found by what is on the disk, not by what the journal says of it.
 */
sealed interface ExtRecovery {
    /**
     * What the filesystem will be.
     *
     * @param volume as it will read afterwards
     * @param geometry by the superblock that is found there
     * @param journal the journal's blocks and those of its map, in bytes
     * @param summary how much was replayed
     */
    record Replayed(BlockSource volume, ExtGeometry geometry, RangeSet journal, String summary)
            implements ExtRecovery {}

    /** It cannot be foretold. */
    record Refused(String reason) implements ExtRecovery {}

    /**
     * Foretells a recovery; writes nothing.
     *
     * @param superblock as it stands on disk, of a filesystem that needs recovery
     * @throws virtshrink.block.CorruptStructureException if the journal or the way to it is broken
     */
    static ExtRecovery run(BlockSource volume, ExtSuperblock superblock) throws IOException {
        Optional<String> unsupported = superblock.whyUnsupported();
        if (unsupported.isPresent()) {
            return new Refused(unsupported.get());
        } else if (superblock.features().hasCompat(ExtFeatures.COMPAT_FAST_COMMIT)) {
            return new Refused("it has fast commits, which are not supported");
        } else if (!ExtJournal.isPresent(superblock)) {
            return new Refused("there is no journal");
        }
        ExtGeometry geometry = ExtGeometry.of(superblock, volume.sizeBytes());
        if (geometry.groups() > ExtGroupTable.MOST_GROUPS || geometry.blocks() > ExtReplayedBlocks.MOST_BLOCKS) {
            return new Refused("the filesystem is too large");
        }
        ExtChecksums checksums = new ExtChecksums(superblock);
        ExtInode inode = ExtJournal.readInode(volume, geometry, checksums);
        ExtJournalSuperblock journal = ExtJournal.read(volume, geometry, inode, inode.beginning(volume, geometry));
        Optional<String> notReplayable = journal.whyNotReplayable(inode.sizeBytes() / geometry.blockBytes());
        if (notReplayable.isPresent()) {
            return new Refused(notReplayable.get());
        }
        ExtFileMap map = ExtFileMap.read(volume, geometry, checksums, inode, journal.maxLen());
        if (journal.start() == 0) {
            // Mounted, and nothing was ever committed since: the disk is as it was before.
            return replayed(volume, geometry, map, "the journal is empty");
        }
        ExtJournalLog log = new ExtJournalLog(volume, map, journal, geometry.blockBytes());
        ExtJournalScan.Result found = ExtJournalScan.run(log, journal, geometry);
        requireOutside(map.inUse(), found.blocks(), geometry.blockBytes());
        return replayed(
                new ExtReplayedVolume(volume, log, found.blocks(), geometry.blockBytes()),
                geometry,
                map,
                "%d transactions with %d different blocks"
                        .formatted(found.transactions(), found.blocks().count()));
    }

    /** A replay that wrote into the journal would read from then on what it has written. */
    private static void requireOutside(RangeSet journal, ExtReplayedBlocks blocks, int blockBytes) {
        for (int i = 0; i < blocks.count(); i++) {
            ByteRange written = new ByteRange(blocks.block(i) * blockBytes, blockBytes);
            if (journal.overlaps(written)) {
                throw new CorruptStructureException(
                        ExtJournalSuperblock.STRUCTURE,
                        written.startBytes(),
                        "block %d of the journal is to be written by its own replay".formatted(blocks.block(i)));
            }
        }
    }

    private static ExtRecovery replayed(BlockSource volume, ExtGeometry before, ExtFileMap journal, String summary)
            throws IOException {
        ExtSuperblock superblock = ExtSuperblock.parse(new StructureBytes(
                ExtSuperblock.STRUCTURE,
                ExtSuperblock.OFFSET_BYTES,
                volume.read(ExtSuperblock.OFFSET_BYTES, ExtSuperblock.LENGTH_BYTES)));
        Optional<String> reason = superblock.whyDirtyAfterReplay().or(superblock::whyUnsupported);
        if (reason.isPresent()) {
            return new Refused("afterwards: " + reason.get());
        }
        ExtGeometry geometry = ExtGeometry.of(superblock, volume.sizeBytes());
        if (!geometry.agreesWith(before)) {
            return new Refused("it was being resized or converted");
        }
        return new Replayed(volume, geometry, journal.inUse(), "journal replayed in memory: " + summary);
    }
}
