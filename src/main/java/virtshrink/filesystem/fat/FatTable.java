package virtshrink.filesystem.fat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.RangeSet;

/**
 * The file allocation table, read once from its beginning to its end, every copy held against the first. Its only redundancy within itself are
 * its chains: a cluster that another one names as its next must be allocated, and named only once.
 */
final class FatTable {
    static final String STRUCTURE = "file allocation table";

    /** Linux, which leaves this mark on an EFI system partition that was once mounted when the guest died, never takes it away by itself. */
    static final String ADVICE =
            "it stays marked until fsck.vfat -a or, in Windows, chkdsk /f has checked it in the guest";

    /** Divisible by what two entries of any type take; the whole of a FAT12 is smaller. */
    private static final int PIECE_BYTES = 1 << 20;

    /** Sixteen bytes each; what is forgotten beyond are the shortest ranges, of least use to anyone. */
    private static final int MOST_RANGES = 1 << 19;

    /** Not in the specification, but in Windows. */
    private static final long FAT12_CLEAN = 0x800;

    private static final long FAT16_CLEAN = 0x8000;
    private static final long FAT16_NO_ERRORS = 0x4000;
    private static final long FAT32_CLEAN = 0x0800_0000;
    private static final long FAT32_NO_ERRORS = 0x0400_0000;

    private final FatBootSector boot;
    private final ClusterSet allocated;
    private final ClusterSet referenced;
    private final RangeSet.Builder free = RangeSet.builder(MOST_RANGES);
    private long freeClusters;
    private long firstOfRun = -1;

    private FatTable(FatBootSector boot) {
        this.boot = boot;
        this.allocated = new ClusterSet(boot.lastCluster() + 1);
        this.referenced = new ClusterSet(boot.lastCluster() + 1);
    }

    /**
     * @throws CorruptStructureException if the copies differ or the chains contradict each other
     */
    static FatTable read(BlockSource volume, FatBootSector boot) throws IOException {
        FatTable table = new FatTable(boot);
        table.addAll(volume);
        int dangling = table.referenced.firstNotIn(table.allocated);
        if (dangling < table.referenced.bits()) {
            throw table.corrupt(dangling, "is free or bad, and another cluster names it as its next");
        }
        return table;
    }

    /** What the second entry, which stands for no cluster, knows of a guest that did not finish. */
    static Optional<String> whyDirty(BlockSource volume, FatBootSector boot) throws IOException {
        long first = entry(volume, boot, 0);
        long second = entry(volume, boot, 1);
        if ((first & 0xff) != boot.media()) {
            throw new CorruptStructureException(
                    STRUCTURE,
                    boot.fatOffset(0),
                    "begins with media type 0x%02x, the boot sector has 0x%02x".formatted(first & 0xff, boot.media()));
        }
        boolean clean = switch (boot.type()) {
            case FAT12 -> (second & FAT12_CLEAN) != 0;
            case FAT16 -> (second & FAT16_CLEAN) != 0;
            case FAT32, EXFAT -> (second & FAT32_CLEAN) != 0 && !isMarkedByWindows(volume, boot);
        };
        boolean noErrors = switch (boot.type()) {
            case FAT12 -> true;
            case FAT16 -> (second & FAT16_NO_ERRORS) != 0;
            case FAT32, EXFAT -> (second & FAT32_NO_ERRORS) != 0;
        };
        if (!clean) {
            return Optional.of("not cleanly unmounted (marked in the file allocation table); " + ADVICE);
        }
        return noErrors
                ? Optional.empty()
                : Optional.of("marked in the file allocation table as having seen errors: needs a check of the medium");
    }

    /** Windows writes 0x7FFFFFFF, which leaves the specification's bit as it was, and 0xFFFFFFFF afterwards; others keep the upper bits zero. */
    private static boolean isMarkedByWindows(BlockSource volume, FatBootSector boot) throws IOException {
        return (volume.read(boot.fatOffset(0) + 7, 1).get() & 0xF0) == 0x70;
    }

    private static long entry(BlockSource volume, FatBootSector boot, int index) throws IOException {
        ByteBuffer start = volume.read(boot.fatOffset(0), 8).order(ByteOrder.LITTLE_ENDIAN);
        return boot.type().entry(start, index);
    }

    long freeClusters() {
        return freeClusters;
    }

    /** From the start of the volume. */
    RangeSet free() {
        return free.build();
    }

    /**
     * Notes that a directory entry claims the chain that begins with the cluster.
     *
     * @return why it cannot; empty if it can
     */
    Optional<String> claim(long firstCluster) {
        if (firstCluster < FatType.FIRST_CLUSTER || firstCluster > boot.lastCluster()) {
            return Optional.of("begins in cluster %d of %d".formatted(firstCluster, boot.lastCluster()));
        } else if (!allocated.contains((int) firstCluster)) {
            return Optional.of("begins in cluster %d, which is free or bad".formatted(firstCluster));
        }
        return referenced.add((int) firstCluster)
                ? Optional.empty()
                : Optional.of("begins in cluster %d, which belongs to something else as well".formatted(firstCluster));
    }

    private void addAll(BlockSource volume) throws IOException {
        long entries = boot.lastCluster() + 1;
        long bytes = boot.type().bytes(entries);
        int perPiece = (int) (PIECE_BYTES / boot.type().bytes(1));
        ByteBuffer piece =
                ByteBuffer.allocate((int) Math.min(PIECE_BYTES, bytes)).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer copy = ByteBuffer.allocate(boot.fats() > 1 ? piece.capacity() : 0);
        for (long at = 0, entry = 0; at < bytes; at += PIECE_BYTES, entry += perPiece) {
            int length = (int) Math.min(PIECE_BYTES, bytes - at);
            volume.read(boot.fatOffset(0) + at, piece.clear().limit(length));
            piece.flip();
            for (int number = 1; number < boot.fats(); number++) {
                volume.read(boot.fatOffset(number) + at, copy.clear().limit(length));
                int difference = piece.mismatch(copy.flip());
                if (difference >= 0) {
                    throw new CorruptStructureException(
                            STRUCTURE,
                            boot.fatOffset(number) + at + difference,
                            "copy %d differs from the first: needs fsck.fat".formatted(number + 1));
                }
            }
            add(piece, entry, (int) Math.min(perPiece, entries - entry));
        }
        endRun(entries);
    }

    private void add(ByteBuffer piece, long firstEntry, int count) {
        FatType type = boot.type();
        long bad = type.bad();
        long last = boot.lastCluster();
        for (int index = firstEntry == 0 ? FatType.FIRST_CLUSTER : 0; index < count; index++) {
            long value = type.entry(piece, index);
            long cluster = firstEntry + index;
            if (value == FatType.FREE) {
                if (firstOfRun < 0) {
                    firstOfRun = cluster;
                }
                continue;
            }
            endRun(cluster);
            if (value == bad) {
                continue;
            }
            allocated.add((int) cluster);
            if (value > bad) {
                continue;
            }
            if (value < FatType.FIRST_CLUSTER || value > last) {
                throw corrupt(cluster, "has the next cluster %d of %d".formatted(value, last));
            }
            if (!referenced.add((int) value)) {
                throw corrupt(value, "is the next of two other clusters");
            }
        }
    }

    private void endRun(long end) {
        if (firstOfRun >= 0) {
            freeClusters += end - firstOfRun;
            free.add(boot.clusterOffset(firstOfRun), (end - firstOfRun) * boot.clusterBytes());
            firstOfRun = -1;
        }
    }

    private CorruptStructureException corrupt(long cluster, String what) {
        return new CorruptStructureException(
                STRUCTURE, boot.fatOffset(0) + boot.type().bytes(cluster), "cluster %d %s".formatted(cluster, what));
    }
}
