package virtshrink.filesystem.fat;

import java.io.IOException;
import java.nio.ByteBuffer;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemState;

/**
 * The Allocation Bitmap, held against everything that is known to own clusters: each of those must be marked as allocated and owned only
 * once.
 */
final class ExfatAllocation {
    static final String BITMAP = "exFAT allocation bitmap";

    private static final int PIECE_BYTES = 1 << 20;
    private static final int MOST_RANGES = 1 << 19;

    /** Some seconds over a connection: beyond, the chains of files are no longer followed. */
    private static final long MOST_LINK_READS = 1 << 16;

    private final ExfatBootSector boot;
    private final FatLinks links;
    private final ClusterSet allocated;
    private final ClusterSet owned;

    private ExfatAllocation(ExfatBootSector boot, FatLinks links) {
        this.boot = boot;
        this.links = links;
        this.allocated = new ClusterSet(boot.clusterCount());
        this.owned = new ClusterSet(boot.clusterCount());
    }

    /**
     * Reads the bitmap.
     *
     * @param lengthBytes as its directory entry says
     * @throws CorruptStructureException if it does not fit the volume, or is not the one run of clusters that every driver takes it for
     */
    static ExfatAllocation read(
            BlockSource volume, ExfatBootSector boot, FatLinks links, long firstCluster, long lengthBytes)
            throws IOException {
        ExfatAllocation allocation = new ExfatAllocation(boot, links);
        long needed = (boot.clusterCount() + 7) / 8;
        long clusters = boot.clusters(needed);
        long offset = boot.clusterOffset(firstCluster);
        if (lengthBytes != needed) {
            throw new CorruptStructureException(
                    BITMAP,
                    offset,
                    "%d bytes long, expected %d for %d clusters".formatted(lengthBytes, needed, boot.clusterCount()));
        }
        if (firstCluster < FatType.FIRST_CLUSTER || firstCluster + clusters - 1 > boot.lastCluster()) {
            throw new CorruptStructureException(
                    BITMAP, 0, "begins in cluster %d of %d".formatted(firstCluster, boot.lastCluster()));
        }
        // The specification lets it be any chain, Linux reads it as one run.
        for (long index = 0; index < clusters; index++) {
            long next = allocation.links.next(firstCluster + index);
            boolean right = index + 1 < clusters ? next == firstCluster + index + 1 : next > FatType.EXFAT.bad();
            if (!right) {
                throw new CorruptStructureException(
                        BITMAP, offset, "its %d clusters are not one run".formatted(clusters));
            }
        }
        ByteBuffer piece = ByteBuffer.allocate((int) Math.min(PIECE_BYTES, needed));
        for (long at = 0; at < needed; at += PIECE_BYTES) {
            volume.read(offset + at, piece.clear().limit((int) Math.min(PIECE_BYTES, needed - at)));
            allocation.allocated.load((int) (at * 8), piece.flip());
        }
        allocation.ownRun("the allocation bitmap", offset, firstCluster, clusters);
        return allocation;
    }

    /**
     * Notes the owner of a run of clusters.
     *
     * @throws CorruptStructureException if they are not allocated or owned by something else as well
     */
    void ownRun(String owner, long offsetBytes, long firstCluster, long clusters) {
        long last = firstCluster + clusters - 1;
        if (firstCluster < FatType.FIRST_CLUSTER || last > boot.lastCluster() || last < firstCluster) {
            throw new CorruptStructureException(
                    owner,
                    offsetBytes,
                    "uses %d clusters from %d of %d on".formatted(clusters, firstCluster, boot.lastCluster()));
        }
        int from = (int) (firstCluster - FatType.FIRST_CLUSTER);
        int to = (int) (from + clusters);
        int free = allocated.nextAbsent(from);
        if (free < to) {
            throw new CorruptStructureException(
                    owner, offsetBytes, "uses cluster %d, which is free".formatted(free + FatType.FIRST_CLUSTER));
        }
        if (!owned.addRun(from, to)) {
            throw new CorruptStructureException(
                    owner,
                    offsetBytes,
                    "shares clusters from %d to %d with something else".formatted(firstCluster, last));
        }
    }

    /**
     * Notes the owner of a chain of clusters, which must be as long as it needs it, and no longer.
     *
     * @throws CorruptStructureException as for a run
     */
    void ownChain(String owner, long offsetBytes, long firstCluster, long clusters) throws IOException {
        long cluster = firstCluster;
        for (long count = 1; ; count++) {
            ownRun(owner, offsetBytes, cluster, 1);
            if (links.reads() > MOST_LINK_READS) {
                return;
            }
            cluster = links.next(cluster);
            boolean end = cluster > FatType.EXFAT.bad();
            if (end != (count == clusters)) {
                throw new CorruptStructureException(
                        owner,
                        offsetBytes,
                        "has %s %d clusters, and needs %d".formatted(end ? "only" : "more than", count, clusters));
            }
            if (end) {
                return;
            }
        }
    }

    FilesystemState.FreeSpace freeSpace() {
        RangeSet.Builder free = RangeSet.builder(MOST_RANGES);
        long freeClusters = 0;
        int from = allocated.nextAbsent(0);
        while (from < allocated.bits()) {
            int to = allocated.nextPresent(from);
            freeClusters += to - from;
            free.add(boot.clusterOffset(from + (long) FatType.FIRST_CLUSTER), (long) (to - from) * boot.clusterBytes());
            from = allocated.nextAbsent(to);
        }
        return new FilesystemState.FreeSpace(freeClusters * boot.clusterBytes(), free.build());
    }
}
