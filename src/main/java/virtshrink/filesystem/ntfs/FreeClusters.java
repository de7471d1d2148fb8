package virtshrink.filesystem.ntfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import virtshrink.block.Bitmap;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.RangeSet;

/**
 * What {@code $Bitmap} calls free.
 *
 * @param sum of all free clusters, exact
 * @param free in bytes of the volume; the shortest ranges are missing where there are too many
 */
record FreeClusters(ClusterSum sum, RangeSet free) {
    private static final String STRUCTURE = "$Bitmap";

    /** Sixteen bytes each; what is forgotten beyond are the shortest ranges, of least use to anyone. */
    private static final int MOST_RANGES = 1 << 19;

    private static final int PIECE_BYTES = 1 << 20;

    /**
     * @param bitmap the unnamed data of {@code $Bitmap}, not compressed, and written to its end
     * @throws CorruptStructureException if it is too short for the volume, or calls clusters behind its end free
     */
    static FreeClusters read(MasterFileTable mft, AttributeStream bitmap) throws IOException {
        NtfsBootSector boot = mft.boot();
        long clusters = boot.clusters();
        long bytes = bitmap.dataBytes();
        if (bytes < (clusters + 7) / 8) {
            throw new CorruptStructureException(STRUCTURE, 0, "%d bytes for %d clusters".formatted(bytes, clusters));
        }
        // Windows and mkfs.ntfs round up to eight bytes; a shrunk volume may keep the rest of a cluster.
        long mostBytes = (clusters + 7) / 8 + Math.max(boot.clusterBytes(), 8);
        if (bytes > mostBytes) {
            throw new CorruptStructureException(
                    STRUCTURE, 0, "%d bytes, %d clusters need no more than %d".formatted(bytes, clusters, mostBytes));
        }
        RangeSet.Builder free = RangeSet.builder(MOST_RANGES);
        ClusterSum sum = ClusterSum.NONE;
        for (long at = 0; at < bytes; at += PIECE_BYTES) {
            ByteBuffer piece = mft.read(bitmap, at, (int) Math.min(PIECE_BYTES, bytes - at));
            Bitmap bits = new Bitmap(piece, piece.remaining() * 8);
            long first = at * 8;
            int within = (int) Math.max(0, Math.min(bits.bits(), clusters - first));
            int behind = bits.nextClear(within);
            if (behind < bits.bits()) {
                throw new CorruptStructureException(
                        STRUCTURE,
                        at + behind / 8,
                        "cluster %d is called free, the volume has %d".formatted(first + behind, clusters));
            }
            int from = bits.nextClear(0);
            while (from < within) {
                int to = Math.min(within, bits.nextSet(from));
                free.add((first + from) * boot.clusterBytes(), (long) (to - from) * boot.clusterBytes());
                sum = sum.plus(first + from, to - from);
                from = bits.nextClear(to);
            }
        }
        return new FreeClusters(sum, free.build());
    }
}
