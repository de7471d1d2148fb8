package virtshrink.filesystem.xfs;

import static virtshrink.filesystem.xfs.XfsAgHeaders.require;

import java.util.Arrays;
import virtshrink.block.StructureBytes;

/**
 * The free list of an allocation group ({@code xfs_agfl}): blocks set aside for its trees. They belong to no file and are in no tree of free
 * extents; what they hold means nothing, and they are never called free here.
 */
final class XfsAgfl {
    static final String STRUCTURE = "xfs_agfl";
    static final int CRC_AT = 32;
    private static final int MAGIC = 0x5841464c;
    private static final int UUID_AT = 8;
    private static final int LSN_AT = 24;
    private static final int V5_HEADER_BYTES = 36;

    private XfsAgfl() {}

    /**
     * The blocks in the list.
     *
     * @throws virtshrink.block.CorruptStructureException if there are not as many as the AGF says, or one is not in the group
     */
    static long[] parse(StructureBytes bytes, XfsGeometry geometry, int group, XfsAgf agf, XfsLsn logEnd) {
        int header = 0;
        if (geometry.isV5()) {
            long seqno = bytes.u32be(4);
            XfsAgHeaders.verify(bytes, geometry, MAGIC, CRC_AT, UUID_AT, LSN_AT, logEnd);
            require(seqno == group, bytes, 4, () -> "of group %d, in group %d".formatted(seqno, group));
            header = V5_HEADER_BYTES;
        }
        int size = (bytes.length() - header) / Integer.BYTES;
        long[] blocks = new long[Math.toIntExact(Math.min(agf.flcount(), size))];
        require(
                agf.flcount() <= size
                        && agf.flfirst() < size
                        && agf.fllast() < size
                        // Some kernels before 4.5 took the list for one entry shorter: it matters where it wraps
                        // around.
                        && (inUse(agf, size) == agf.flcount() || inUse(agf, size - 1) == agf.flcount()),
                bytes,
                0,
                () -> "%d entries from %d to %d of %d in the free list"
                        .formatted(agf.flcount(), agf.flfirst(), agf.fllast(), size));
        int wrapAt = inUse(agf, size) == agf.flcount() ? size : size - 1;
        for (int i = 0; i < blocks.length; i++) {
            int at = header + (int) ((agf.flfirst() + i) % wrapAt) * Integer.BYTES;
            long block = bytes.u32be(at);
            require(
                    block >= geometry.headerBlocks() && block < geometry.groupBlocks(group),
                    bytes,
                    at,
                    () -> "block %d in the free list is not in group %d".formatted(block, group));
            blocks[i] = block;
        }
        long[] sorted = blocks.clone();
        Arrays.sort(sorted);
        for (int i = 1; i < sorted.length; i++) {
            long block = sorted[i];
            require(sorted[i - 1] != block, bytes, 0, () -> "block %d is in the free list twice".formatted(block));
        }
        return sorted;
    }

    private static long inUse(XfsAgf agf, int size) {
        if (agf.flcount() == 0) {
            return 0;
        }
        long span = agf.fllast() - agf.flfirst() + 1;
        return agf.flfirst() <= agf.fllast() ? span : span + size;
    }
}
