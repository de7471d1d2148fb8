package virtshrink.filesystem.ext;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
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
 * superblock, and every block that is known to hold metadata is marked used. Backup superblocks are never used: a filesystem whose first
 * superblock is broken is corrupt.
 *
 * <p>The free ranges are exact unless there are more than about a million; then the shortest are missing. Thread-safe, without state.
 */
public final class ExtReader implements FreeSpaceReader {
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
            ExtSuperblock superblock = ExtSuperblock.parse(structure(
                    volume, ExtSuperblock.STRUCTURE, ExtSuperblock.OFFSET_BYTES, ExtSuperblock.LENGTH_BYTES));
            identity = identityOf(superblock);
            return new FilesystemReport(identity, judge(volume, superblock));
        } catch (CorruptStructureException corrupt) {
            return new FilesystemReport(identity, new FilesystemState.Corrupt(corrupt.getMessage()));
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

    private static FilesystemState judge(BlockSource volume, ExtSuperblock superblock) throws IOException {
        // Dirty comes first: it tells that other filesystems of the same guest are to be left alone as well.
        Optional<String> dirty = superblock.whyDirty();
        if (dirty.isPresent()) {
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
        ExtChecksums checksums = new ExtChecksums(superblock);
        dirty = whyMounted(volume, geometry, checksums);
        if (dirty.isPresent()) {
            return new FilesystemState.Dirty(dirty.get());
        }
        ExtGroupTable table = ExtGroupTable.read(volume, geometry, checksums);
        dirty = ExtJournal.whyDirty(volume, geometry, checksums, table);
        if (dirty.isPresent()) {
            return new FilesystemState.Dirty(dirty.get());
        }
        return ExtFreeSpace.read(volume, geometry, checksums, table);
    }

    private static Optional<String> whyMounted(BlockSource volume, ExtGeometry geometry, ExtChecksums checksums)
            throws IOException {
        ExtSuperblock superblock = geometry.superblock();
        if (!superblock.features().hasIncompat(ExtFeatures.INCOMPAT_MMP)) {
            return Optional.empty();
        }
        long block = superblock.mmpBlock();
        if (block <= superblock.firstDataBlock() || block >= geometry.blocks()) {
            throw new CorruptStructureException(
                    ExtSuperblock.STRUCTURE,
                    ExtSuperblock.OFFSET_BYTES + 0x168,
                    "block %d for multiple-mount protection is not within the filesystem".formatted(block));
        }
        return ExtMmpBlock.parse(
                        structure(
                                volume,
                                ExtMmpBlock.STRUCTURE,
                                block * geometry.blockBytes(),
                                ExtMmpBlock.LENGTH_BYTES),
                        checksums)
                .whyDirty();
    }

    /** Reads a structure whose place comes from the disk. */
    static StructureBytes structure(BlockSource volume, String name, long offsetBytes, int lengthBytes)
            throws IOException {
        if (offsetBytes > volume.sizeBytes() - lengthBytes) {
            throw new CorruptStructureException(name, offsetBytes, "lies beyond the end of the volume");
        }
        return new StructureBytes(name, offsetBytes, volume.read(offsetBytes, lengthBytes));
    }
}
