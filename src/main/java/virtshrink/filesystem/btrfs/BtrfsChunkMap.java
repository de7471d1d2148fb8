package virtshrink.filesystem.btrfs;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;

/** Where logical addresses lie on the device. Immutable. */
final class BtrfsChunkMap {
    private final List<BtrfsChunk> chunks;

    /**
     * @param chunks in any order, of supported profiles
     * @throws CorruptStructureException if two of them overlap, in either address space
     */
    BtrfsChunkMap(List<BtrfsChunk> chunks) {
        this.chunks = chunks.stream()
                .sorted(Comparator.comparingLong(BtrfsChunk::logical))
                .toList();
        for (int i = 1; i < this.chunks.size(); i++) {
            BtrfsChunk before = this.chunks.get(i - 1);
            BtrfsChunk chunk = this.chunks.get(i);
            if (before.end() > chunk.logical()) {
                throw corrupt(chunk.logical(), "overlaps the chunk at %d".formatted(before.logical()));
            }
        }
        List<BtrfsDevExtent> extents = devExtents();
        for (int i = 1; i < extents.size(); i++) {
            ByteRange before = extents.get(i - 1).place();
            ByteRange place = extents.get(i).place();
            if (before.overlaps(place)) {
                throw corrupt(
                        extents.get(i).chunkOffset(),
                        "lies at %d on the device, where the chunk at %d lies already"
                                .formatted(
                                        place.startBytes(), extents.get(i - 1).chunkOffset()));
            }
        }
    }

    /** Ascending by logical address. */
    List<BtrfsChunk> chunks() {
        return chunks;
    }

    /** Every copy of every chunk, ascending by place: what the device tree has to say as well. */
    List<BtrfsDevExtent> devExtents() {
        List<BtrfsDevExtent> extents = new ArrayList<>();
        for (BtrfsChunk chunk : chunks) {
            for (long physical : chunk.physical()) {
                extents.add(new BtrfsDevExtent(new ByteRange(physical, chunk.length()), chunk.logical()));
            }
        }
        extents.sort(Comparator.comparingLong(extent -> extent.place().startBytes()));
        return Collections.unmodifiableList(extents);
    }

    /**
     * Where the first copy of some logical addresses lies.
     *
     * @throws CorruptStructureException unless one chunk for the tree's metadata holds them all
     */
    long physicalOfMetadata(long logical, int lengthBytes) {
        int low = 0;
        int high = chunks.size() - 1;
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            if (chunks.get(middle).logical() <= logical) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        if (chunks.isEmpty() || !chunks.get(low).contains(logical, lengthBytes)) {
            throw new CorruptStructureException(
                    BtrfsTreeBlock.STRUCTURE,
                    Math.max(logical, 0),
                    "logical addresses %d to %d are not within a chunk".formatted(logical, logical + lengthBytes));
        }
        BtrfsChunk chunk = chunks.get(low);
        if (!chunk.holds(BtrfsChunk.METADATA | BtrfsChunk.SYSTEM)) {
            throw corrupt(chunk.logical(), "is for data, but a tree block lies at %d".formatted(logical));
        }
        return chunk.physical().get(0) + (logical - chunk.logical());
    }

    private static CorruptStructureException corrupt(long logical, String reason) {
        return new CorruptStructureException(
                BtrfsChunk.STRUCTURE, logical, "the chunk at logical address %d %s".formatted(logical, reason));
    }
}
