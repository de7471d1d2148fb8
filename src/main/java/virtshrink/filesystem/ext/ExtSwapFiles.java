package virtshrink.filesystem.ext;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import java.util.OptionalLong;
import virtshrink.block.BlockSource;
import virtshrink.block.StructureBytes;
import virtshrink.filesystem.HibernationMark;

/**
 * Looks for the memory of a hibernated guest in the swap files of a filesystem. A guest that is hibernated leaves its filesystems as if it
 * had been powered off hard, and goes on without a replay of their journals; no swap area tells of it if the swap is a file.
 *
 * <p>What file it is nobody says, so every file that is large enough is looked into: a few bytes where a page of any size has its mark. Time
 * grows with the inode tables, as far as they were ever used, and the number of large files.
 */
final class ExtSwapFiles {
    /** No kernel is smaller, and none can be put away in less. */
    private static final long LEAST_BYTES = 1 << 20;

    /** 16 GiB of inodes of 256 bytes. */
    static final long MOST_INODES = 1L << 26;

    private static final int CHUNK_BYTES = 1 << 20;
    private static final int REGULAR_FILE = 0x8000;

    private final BlockSource volume;
    private final ExtGeometry geometry;
    private final ExtChecksums checksums;
    private long inodes;
    private Optional<String> found = Optional.empty();

    private ExtSwapFiles(BlockSource volume, ExtGeometry geometry, ExtChecksums checksums) {
        this.volume = volume;
        this.geometry = geometry;
        this.checksums = checksums;
    }

    /**
     * Which mark is in which file; empty if there is none.
     *
     * @throws virtshrink.block.CorruptStructureException if an inode, or the map of a large file, is broken, or there are too many of them
     */
    static Optional<String> findHibernated(BlockSource volume, ExtGeometry geometry, ExtChecksums checksums)
            throws IOException {
        ExtSwapFiles files = new ExtSwapFiles(volume, geometry, checksums);
        ExtGroupDescriptors.each(volume, geometry, checksums, files::lookInto);
        return files.found;
    }

    private void lookInto(int group, ExtGroupDescriptor descriptor) throws IOException {
        boolean checked = geometry.superblock().features().hasDescriptorChecksums();
        long perGroup = geometry.superblock().inodesPerGroup();
        if (found.isPresent() || descriptor.freeInodes() == perGroup || (checked && descriptor.inodesUninitialised())) {
            return;
        }
        long used = perGroup - (checked ? Math.min(perGroup, descriptor.unusedInodes()) : 0);
        inodes += used;
        int inodeBytes = geometry.superblock().inodeBytes();
        long offsetBytes = descriptor.inodeTable() * geometry.blockBytes();
        if (inodes > MOST_INODES) {
            throw new StructureBytes(ExtInode.STRUCTURE, offsetBytes, ByteBuffer.allocate(0))
                    .corrupt(0, "more than %d inodes to look through for a hibernated guest".formatted(MOST_INODES));
        }
        int atOnce = CHUNK_BYTES / inodeBytes;
        for (long first = 0; first < used && found.isEmpty(); first += atOnce) {
            int count = (int) Math.min(atOnce, used - first);
            ByteBuffer table = volume.read(offsetBytes + first * inodeBytes, count * inodeBytes)
                    .order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < count && found.isEmpty(); i++) {
                int at = i * inodeBytes;
                if ((table.getShort(at) & 0xF000) == REGULAR_FILE && sizeBytes(table, at) >= LEAST_BYTES) {
                    StructureBytes bytes = new StructureBytes(
                            ExtInode.STRUCTURE, offsetBytes + (first + i) * inodeBytes, table.slice(at, inodeBytes));
                    lookInto(ExtInode.parse(bytes, group * perGroup + first + i + 1, checksums));
                }
            }
        }
    }

    /** What does not fit into 63 bits is no size, but more than enough. */
    private static long sizeBytes(ByteBuffer table, int at) {
        long size = (table.getInt(at + 0x4) & 0xffffffffL) | (long) table.getInt(at + 0x6C) << 32;
        return size < 0 ? Long.MAX_VALUE : size;
    }

    private void lookInto(ExtInode file) throws IOException {
        Optional<String> mark = bytesAt(file, 0).flatMap(HibernationMark::atStart);
        for (int pageBytes : HibernationMark.PAGE_BYTES) {
            if (mark.isEmpty()) {
                mark = bytesAt(file, pageBytes - HibernationMark.LENGTH_BYTES).flatMap(HibernationMark::atEnd);
            }
        }
        found = mark.map(
                name -> "the guest is hibernated in a swap file, inode %d (%s)".formatted(file.number(), name));
    }

    private Optional<byte[]> bytesAt(ExtInode file, int offsetBytes) throws IOException {
        OptionalLong block = file.blockAt(volume, geometry, offsetBytes / geometry.blockBytes());
        if (block.isEmpty()) {
            return Optional.empty();
        }
        long place = block.getAsLong() * geometry.blockBytes() + offsetBytes % geometry.blockBytes();
        return Optional.of(volume.read(place, HibernationMark.LENGTH_BYTES).array());
    }
}
