package virtshrink.filesystem.btrfs;

import java.io.IOException;
import java.util.Optional;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.RangeSet;

/**
 * Gathers the free runs of the extent tree, and says where they lie on the device. Bounded: of more than half a million runs the shortest
 * are forgotten. Not thread-safe.
 */
final class BtrfsFreeSpace implements BtrfsFreeRuns {
    private static final int MOST_RUNS = 1 << 19;

    /** The kernel keeps out of it ({@code BTRFS_DEVICE_RANGE_RESERVED}); boot loaders do not. */
    private static final long RESERVED_BYTES = 1 << 20;

    /** Around each superblock the kernel excludes a stripe, {@code BTRFS_STRIPE_LEN}. */
    private static final long STRIPE_BYTES = 64 << 10;

    private final Optional<BtrfsFreeSpaceTree> compared;
    private final RangeSet.Builder logical = RangeSet.builder(MOST_RUNS);

    BtrfsFreeSpace(Optional<BtrfsFreeSpaceTree> compared) {
        this.compared = compared;
    }

    @Override
    public void beginGroup(BtrfsChunk group) throws IOException {
        if (compared.isPresent()) {
            compared.get().beginGroup(group);
        }
    }

    @Override
    public void free(long address, long lengthBytes) throws IOException {
        if (compared.isPresent()) {
            compared.get().free(address, lengthBytes);
        }
        logical.add(address, lengthBytes);
    }

    @Override
    public void endGroup(BtrfsChunk group) throws IOException {
        if (compared.isPresent()) {
            compared.get().endGroup(group);
        }
    }

    /**
     * What is free on the device: of every copy of every chunk what no extent holds, and what no chunk occupies.
     *
     * @param deviceBytes what the filesystem may use of the device
     * @throws CorruptStructureException if a tree block that was read is called free
     */
    RangeSet onDevice(BtrfsChunkMap chunks, BtrfsVisitedBlocks visited, long deviceBytes) throws IOException {
        if (compared.isPresent()) {
            compared.get().end();
        }
        RangeSet free = logical.build();
        visited.firstIn(free).ifPresent(bytenr -> {
            throw new CorruptStructureException(
                    "btrfs_extent_item",
                    bytenr,
                    "the tree block at logical address %d is in no extent".formatted(bytenr));
        });
        RangeSet.Builder onDevice = RangeSet.builder(MOST_RUNS);
        long position = 0;
        for (BtrfsDevExtent extent : chunks.devExtents()) {
            ByteRange place = extent.place();
            addOutsideReserved(onDevice, position, place.startBytes());
            position = place.endBytes();
            addChunk(onDevice, free, extent);
        }
        addOutsideReserved(onDevice, position, deviceBytes);
        return onDevice.build();
    }

    private static void addChunk(RangeSet.Builder onDevice, RangeSet free, BtrfsDevExtent extent) {
        long start = extent.chunkOffset();
        long end = start + extent.place().lengthBytes();
        for (int i = firstEndingAfter(free, start);
                i < free.size() && free.get(i).startBytes() < end;
                i++) {
            ByteRange run = free.get(i);
            long from = Math.max(run.startBytes(), start);
            long to = Math.min(run.endBytes(), end);
            long moved = extent.place().startBytes() - start;
            addOutsideReserved(onDevice, from + moved, to + moved);
        }
    }

    private static int firstEndingAfter(RangeSet free, long address) {
        int low = 0;
        int high = free.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (free.get(middle).endBytes() > address) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    /** What of a run is neither in the first MiB nor in the stripe of a superblock. */
    private static void addOutsideReserved(RangeSet.Builder onDevice, long start, long end) {
        long from = Math.max(start, RESERVED_BYTES);
        for (long place : BtrfsSuperBlock.places()) {
            if (place < end && place + STRIPE_BYTES > from) {
                onDevice.add(from, Math.max(0, place - from));
                from = place + STRIPE_BYTES;
            }
        }
        onDevice.add(from, Math.max(0, end - from));
    }
}
