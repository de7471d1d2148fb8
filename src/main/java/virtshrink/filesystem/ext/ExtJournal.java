package virtshrink.filesystem.ext;

import java.io.IOException;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/** Finds the journal inside the filesystem. */
final class ExtJournal {
    private ExtJournal() {}

    /**
     * Whether there is a journal.
     *
     * @throws CorruptStructureException if the superblock's fields disagree on that
     */
    static boolean isPresent(ExtSuperblock superblock) {
        long number = superblock.journalInum();
        boolean journaled = superblock.features().hasCompat(ExtFeatures.COMPAT_HAS_JOURNAL);
        if (!journaled && number == 0 && !superblock.journalElsewhere()) {
            return false;
        }
        if (!journaled || number == 0 || number > superblock.inodesCount()) {
            throw new CorruptStructureException(
                    ExtSuperblock.STRUCTURE,
                    ExtSuperblock.OFFSET_BYTES + 0xE0,
                    journaled
                            ? "journal in inode %d of %d".formatted(number, superblock.inodesCount())
                            : "a journal is named, but the feature has_journal is not set");
        }
        return true;
    }

    /** Reads the journal's inode by its group's descriptor alone, before anything else of the group descriptors may be believed. */
    static ExtInode readInode(BlockSource volume, ExtGeometry geometry, ExtChecksums checksums) throws IOException {
        ExtSuperblock superblock = geometry.superblock();
        int group = Math.toIntExact((superblock.journalInum() - 1) / superblock.inodesPerGroup());
        long table = ExtGroupDescriptors.one(volume, geometry, checksums, group).inodeTable();
        ExtInode inode = ExtInode.read(volume, geometry, checksums, superblock.journalInum(), table);
        if (!inode.isRegularFile() || !inode.hasPlainBlocks() || inode.linksCount() == 0 || inode.sizeBytes() < 0) {
            throw inode.iBlock().corrupt(0, "this inode is not a journal");
        }
        return inode;
    }

    /**
     * Reads the journal's superblock.
     *
     * @param inode the journal's
     * @throws CorruptStructureException if there is none
     */
    static ExtJournalSuperblock read(
            BlockSource volume, ExtGeometry geometry, ExtInode inode, ExtInode.Beginning beginning) throws IOException {
        long block = beginning.firstBlock().orElse(0);
        if (!inode.isRegularFile() || block == 0) {
            throw inode.iBlock().corrupt(0, "this inode is not a journal");
        }
        long offsetBytes = block * geometry.blockBytes();
        StructureBytes bytes = new StructureBytes(
                ExtJournalSuperblock.STRUCTURE,
                offsetBytes,
                volume.read(offsetBytes, ExtJournalSuperblock.LENGTH_BYTES));
        ExtJournalSuperblock journal = ExtJournalSuperblock.parse(bytes);
        if (journal.blockSize() != geometry.blockBytes()) {
            throw bytes.corrupt(
                    0xC,
                    "journal in blocks of %d bytes, the filesystem's have %d"
                            .formatted(journal.blockSize(), geometry.blockBytes()));
        }
        return journal;
    }
}
