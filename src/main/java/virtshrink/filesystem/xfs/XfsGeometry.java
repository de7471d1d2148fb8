package virtshrink.filesystem.xfs;

import java.util.UUID;
import virtshrink.block.CorruptStructureException;

/** Where the parts of a filesystem lie, as its superblock says. Blocks are counted within their allocation group. */
record XfsGeometry(XfsSuperblock superblock) {
    private static final int BASIC_BLOCK_BYTES = 512;

    /**
     * Checks what the superblock says against the volume.
     *
     * @throws CorruptStructureException if the filesystem does not fit into the volume, or its log not into one group
     */
    static XfsGeometry of(XfsSuperblock superblock, long volumeBytes) {
        XfsGeometry geometry = new XfsGeometry(superblock);
        CorruptStructureException.verify(
                superblock.dblocks() <= volumeBytes / superblock.blockBytes(),
                XfsSuperblock.STRUCTURE,
                8,
                "filesystem of %d blocks of %d bytes in a volume of %d bytes"
                        .formatted(superblock.dblocks(), superblock.blockBytes(), volumeBytes));
        long group = geometry.logGroup();
        CorruptStructureException.verify(
                superblock.logblocks() > 0
                        && group >= 0
                        && group < superblock.agcount()
                        && geometry.logBlock() >= geometry.headerBlocks()
                        && geometry.logBlock() + superblock.logblocks() <= geometry.groupBlocks(group),
                XfsSuperblock.STRUCTURE,
                48,
                "log of %d blocks at 0x%x is not within one allocation group"
                        .formatted(superblock.logblocks(), superblock.logstart()));
        return geometry;
    }

    int blockBytes() {
        return superblock.blockBytes();
    }

    int groups() {
        return Math.toIntExact(superblock.agcount());
    }

    boolean isV5() {
        return superblock.features().isV5();
    }

    XfsFeatures features() {
        return superblock.features();
    }

    UUID metaUuid() {
        return superblock.metaUuid();
    }

    /** Blocks of a group; the last one may be shorter. */
    long groupBlocks(long group) {
        return Math.min(superblock.agblocks(), superblock.dblocks() - group * superblock.agblocks());
    }

    /** Blocks at the start of each group that hold superblock, AGF, AGI and AGFL. */
    int headerBlocks() {
        return (4 * superblock.sectorBytes() + blockBytes() - 1) / blockBytes();
    }

    long offsetBytes(long group, long block) {
        return (group * superblock.agblocks() + block) * blockBytes();
    }

    /** Where one of the four headers lies: 0 for the superblock, 1 AGF, 2 AGI, 3 AGFL. */
    long headerOffsetBytes(long group, int header) {
        return offsetBytes(group, 0) + (long) header * superblock.sectorBytes();
    }

    /** The address that metadata of version 5 carries: in units of 512 bytes from the start of the filesystem. */
    long daddr(long offsetBytes) {
        return offsetBytes / BASIC_BLOCK_BYTES;
    }

    long logGroup() {
        return superblock.logstart() >>> superblock.agblklog();
    }

    /** The log's first block within its group. */
    long logBlock() {
        return superblock.logstart() & ((1L << superblock.agblklog()) - 1);
    }

    long logOffsetBytes() {
        return offsetBytes(logGroup(), logBlock());
    }

    /** Length of the log in its own units of 512 bytes. */
    int logBasicBlocks() {
        return Math.toIntExact(superblock.logblocks() * blockBytes() / BASIC_BLOCK_BYTES);
    }
}
