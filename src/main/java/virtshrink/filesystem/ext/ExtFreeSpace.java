package virtshrink.filesystem.ext;

import java.io.IOException;
import java.nio.ByteBuffer;
import virtshrink.block.Bitmap;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemState;

/** Walks the groups of a clean filesystem once and adds up what is free, while every bitmap is held against all else that is known of it. */
final class ExtFreeSpace {
    private static final String BITMAP = "block bitmap";

    /** Sixteen bytes each; what is forgotten beyond are the shortest ranges, of least use to anyone. */
    private static final int MOST_RANGES = 1 << 19;

    private final ExtGeometry geometry;
    private final ExtChecksums checksums;
    private final ExtGroupTable table;
    private final ExtBitmapReader bitmaps;
    private final RangeSet.Builder free = RangeSet.builder(MOST_RANGES);
    private long freeClusters;
    /** The first place of metadata that may reach into the current group or a later one. */
    private int nextPlace;

    private ExtFreeSpace(BlockSource volume, ExtGeometry geometry, ExtChecksums checksums, ExtGroupTable table) {
        this.geometry = geometry;
        this.checksums = checksums;
        this.table = table;
        this.bitmaps = new ExtBitmapReader(volume, geometry, table);
    }

    /**
     * @param inUse what else is known to be in use
     * @throws CorruptStructureException if a bitmap contradicts its checksum, its count, the metadata in its group, or what is in use
     */
    static FilesystemState.FreeSpace read(
            BlockSource volume,
            ExtGeometry geometry,
            ExtChecksums checksums,
            ExtGroupTable table,
            Iterable<ByteRange> inUse)
            throws IOException {
        ExtFreeSpace space = new ExtFreeSpace(volume, geometry, checksums, table);
        for (int group = 0; group < geometry.groups(); group++) {
            if (table.isUninitialised(group)) {
                space.addUninitialised(group);
            } else {
                space.addInitialised(group);
            }
        }
        RangeSet free = space.free.build();
        for (ByteRange used : inUse) {
            if (free.overlaps(used)) {
                throw new CorruptStructureException(
                        BITMAP, used.startBytes(), "calls blocks free that journal or directories use");
            }
        }
        long freeBytes = space.freeClusters * geometry.clusterBlocks() * geometry.blockBytes();
        return new FilesystemState.FreeSpace(freeBytes, free);
    }

    private void addInitialised(int group) throws IOException {
        ByteBuffer bytes = bitmaps.read(group);
        int mask = geometry.descriptorBytes() >= 64 ? -1 : 0xffff;
        if (!checksums.bitmapMatches(bytes, table.blockBitmapChecksum(group), mask)) {
            throw corrupt(group, "checksum of group %d does not match".formatted(group));
        }
        Bitmap bitmap = new Bitmap(bytes, geometry.clustersPerGroup());
        int clusters = geometry.clusters(group);
        if (bitmap.nextClear(clusters) < bitmap.bits()) {
            throw corrupt(group, "group %d calls clusters behind its end free".formatted(group));
        }
        eachMetadata(group, (from, to) -> {
            if (bitmap.nextClear(from) < to) {
                throw corrupt(
                        group,
                        "cluster %d of group %d is called free and holds metadata"
                                .formatted(bitmap.nextClear(from), group));
            }
        });
        checkCount(group, bitmap.countClear());
        int from = bitmap.nextClear(0);
        while (from < clusters) {
            int to = bitmap.nextSet(from);
            addFree(group, from, to);
            from = bitmap.nextClear(to);
        }
    }

    private void addUninitialised(int group) {
        int[] used = {0, 0};
        eachMetadata(group, (from, to) -> {
            if (from > used[0]) {
                addFree(group, used[0], from);
                used[1] += from - used[0];
            }
            used[0] = Math.max(used[0], to);
        });
        int clusters = geometry.clusters(group);
        if (clusters > used[0]) {
            addFree(group, used[0], clusters);
            used[1] += clusters - used[0];
        }
        checkCount(group, used[1]);
    }

    private void checkCount(int group, int counted) {
        if (counted != table.freeClusters(group)) {
            throw corrupt(
                    group,
                    "%d free clusters in group %d, its descriptor says %d"
                            .formatted(counted, group, table.freeClusters(group)));
        }
        freeClusters += counted;
    }

    /** Superblock and descriptor copies first, then bitmaps and inode tables, whosever they are, in ascending order. */
    private void eachMetadata(int group, ClusterRun run) {
        ByteRange head = geometry.headBlocks(group);
        long start = geometry.firstBlock(group);
        long end = geometry.endBlock(group);
        if (!head.isEmpty()) {
            run.accept(clusterOf(group, head.startBytes()), clusterOf(group, head.endBytes() - 1) + 1);
        }
        ExtGroupMetadata metadata = table.metadata();
        while (nextPlace < metadata.count() && metadata.endBlock(nextPlace) <= start) {
            nextPlace++;
        }
        for (int place = nextPlace; place < metadata.count() && metadata.startBlock(place) < end; place++) {
            long from = Math.max(start, metadata.startBlock(place));
            long to = Math.min(end, metadata.endBlock(place));
            if (from < head.endBytes()) {
                throw corrupt(
                        group, "block %d holds a superblock or group descriptors and other metadata".formatted(from));
            }
            run.accept(clusterOf(group, from), clusterOf(group, to - 1) + 1);
        }
    }

    private int clusterOf(int group, long block) {
        return (int) ((block - geometry.firstBlock(group)) / geometry.clusterBlocks());
    }

    private void addFree(int group, int fromCluster, int toCluster) {
        long first = geometry.firstBlock(group);
        long from = first + (long) fromCluster * geometry.clusterBlocks();
        long to = Math.min(geometry.endBlock(group), first + (long) toCluster * geometry.clusterBlocks());
        free.add(from * geometry.blockBytes(), (to - from) * geometry.blockBytes());
    }

    private CorruptStructureException corrupt(int group, String reason) {
        return new CorruptStructureException(BITMAP, table.blockBitmap(group) * geometry.blockBytes(), reason);
    }

    private interface ClusterRun {
        /** Clusters of the current group, from the first to the one behind the last. */
        void accept(int from, int to);
    }
}
