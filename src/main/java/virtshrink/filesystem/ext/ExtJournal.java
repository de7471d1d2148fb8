package virtshrink.filesystem.ext;

import java.io.IOException;
import java.util.Optional;
import java.util.OptionalLong;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/** The journal inside the filesystem: found through its inode, asked whether it is empty. */
final class ExtJournal {
    private ExtJournal() {}

    /**
     * Whether the journal contradicts a superblock that asks for no recovery.
     *
     * @throws CorruptStructureException if there ought to be a journal and is none, or one where none ought to be
     */
    static Optional<String> whyDirty(
            BlockSource volume, ExtGeometry geometry, ExtChecksums checksums, ExtGroupTable table)
            throws IOException {
        ExtSuperblock superblock = geometry.superblock();
        long number = superblock.journalInum();
        boolean journaled = superblock.features().hasCompat(ExtFeatures.COMPAT_HAS_JOURNAL);
        if (!journaled && number == 0 && !superblock.journalElsewhere()) {
            return Optional.empty();
        }
        if (!journaled || number == 0 || number > superblock.inodesCount()) {
            throw new CorruptStructureException(
                    ExtSuperblock.STRUCTURE,
                    ExtSuperblock.OFFSET_BYTES + 0xE0,
                    journaled
                            ? "journal in inode %d of %d".formatted(number, superblock.inodesCount())
                            : "a journal is named, but the feature has_journal is not set");
        }
        long inTable = (number - 1) % superblock.inodesPerGroup();
        StructureBytes bytes = ExtReader.structure(
                volume,
                ExtInode.STRUCTURE,
                table.journalInodeTable() * geometry.blockBytes() + inTable * superblock.inodeBytes(),
                superblock.inodeBytes());
        ExtInode inode = ExtInode.parse(bytes, (int) number, checksums);
        OptionalLong block = inode.isRegularFile() ? inode.firstBlock(volume, geometry) : OptionalLong.empty();
        if (block.isEmpty()) {
            throw bytes.corrupt(0, "inode %d is not a journal".formatted(number));
        }
        ExtJournalSuperblock journal = ExtJournalSuperblock.parse(ExtReader.structure(
                volume,
                ExtJournalSuperblock.STRUCTURE,
                block.getAsLong() * geometry.blockBytes(),
                ExtJournalSuperblock.LENGTH_BYTES));
        if (journal.blockSize() != geometry.blockBytes()) {
            throw bytes.corrupt(
                    0,
                    "journal in blocks of %d bytes, the filesystem's have %d"
                            .formatted(journal.blockSize(), geometry.blockBytes()));
        }
        return journal.whyDirty();
    }
}
