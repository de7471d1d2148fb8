package virtshrink.image;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import virtshrink.block.ByteRange;
import virtshrink.os.OpenFile;
import virtshrink.os.PhysicalExtent;

/**
 * Shows without reading any data that two images hold the same: where both have data, it is the same blocks of the host's disk.
 *
 * <p>Needs both files written out. Blocks whose place says nothing about their content (compressed, inline, delayed) prove nothing. Holes and
 * unwritten blocks read as zeros wherever they are; images have them inside of clusters, left by whoever wrote only what was not zero.
 */
final class SharingProof {
    private final List<PhysicalExtent> originalBlocks;
    private final List<PhysicalExtent> newBlocks;

    SharingProof(OpenFile original, OpenFile newFile) throws IOException {
        this(original.content().extents(), newFile.content().extents());
    }

    SharingProof(List<PhysicalExtent> originalBlocks, List<PhysicalExtent> newBlocks) {
        this.originalBlocks = originalBlocks;
        this.newBlocks = newBlocks;
    }

    /**
     * Whether two maps of one guest disk lead to the same content everywhere.
     *
     * @param overlay map of the overlay: depth 0 is the overlay, depth 1 the original
     * @param copy map of the new image
     */
    boolean holds(List<MapExtent> overlay, List<MapExtent> copy) {
        int a = 0;
        int b = 0;
        long at = 0;
        while (a < overlay.size() && b < copy.size()) {
            ByteRange one = overlay.get(a).range();
            ByteRange other = copy.get(b).range();
            if (one.startBytes() > at || other.startBytes() > at) {
                return false;
            }
            long end = Math.min(one.endBytes(), other.endBytes());
            if (!same(overlay.get(a), copy.get(b), ByteRange.between(at, end))) {
                return false;
            }
            at = end;
            if (one.endBytes() == end) {
                a++;
            }
            if (other.endBytes() == end) {
                b++;
            }
        }
        return a == overlay.size() && b == copy.size();
    }

    private boolean same(MapExtent source, MapExtent copy, ByteRange part) {
        if (source.zero() && copy.zero()) {
            return true;
        }
        if (!source.data()
                || !copy.data()
                || source.zero()
                || copy.zero()
                || source.depth() != 1
                || copy.depth() != 0) {
            return false;
        }
        if (source.offset().isEmpty() || copy.offset().isEmpty()) {
            return false;
        }
        long from = part.startBytes()
                - source.range().startBytes()
                + source.offset().getAsLong();
        long to = part.startBytes() - copy.range().startBytes() + copy.offset().getAsLong();
        return sameBlocks(from, to, part.lengthBytes());
    }

    private boolean sameBlocks(long inOriginal, long inNew, long lengthBytes) {
        long done = 0;
        while (done < lengthBytes) {
            Piece one = pieceAt(originalBlocks, inOriginal + done);
            Piece other = pieceAt(newBlocks, inNew + done);
            if (!one.sameAs(other)) {
                return false;
            }
            done += Math.min(lengthBytes - done, Math.min(one.lengthBytes(), other.lengthBytes()));
        }
        return true;
    }

    /**
     * What the filesystem says of a file's bytes from some offset on.
     *
     * @param lengthBytes so many of them; behind the last extent, without end
     * @param zero they were never written
     * @param physicalBytes where they lie; empty if that says nothing about them
     */
    private record Piece(long lengthBytes, boolean zero, OptionalLong physicalBytes) {
        boolean sameAs(Piece other) {
            return (zero && other.zero) || (physicalBytes.isPresent() && physicalBytes.equals(other.physicalBytes));
        }
    }

    private static Piece pieceAt(List<PhysicalExtent> extents, long offset) {
        int index = firstEndingAfter(extents, offset);
        if (index == extents.size()) {
            return new Piece(Long.MAX_VALUE, true, OptionalLong.empty());
        }
        PhysicalExtent extent = extents.get(index);
        long into = offset - extent.logicalBytes();
        if (into < 0) {
            return new Piece(-into, true, OptionalLong.empty());
        }
        return new Piece(
                extent.lengthBytes() - into,
                extent.unwritten() && extent.hasPhysicalPlace(),
                tellsContent(extent) ? OptionalLong.of(extent.physicalBytes() + into) : OptionalLong.empty());
    }

    /** Shared, so that both numbers count on the same device; and in a place of its own, so that the number stands for the bytes. */
    private static boolean tellsContent(PhysicalExtent extent) {
        return extent.shared() && extent.hasPhysicalPlace() && !extent.unwritten();
    }

    private static int firstEndingAfter(List<PhysicalExtent> extents, long offset) {
        int low = 0;
        int high = extents.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (extents.get(middle).logicalBytes() + extents.get(middle).lengthBytes() > offset) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    /** Collects a map, giving up where it would take too much memory. */
    static final class MapCollector {
        private static final int MOST_EXTENTS = 150_000;
        private final List<MapExtent> extents = new ArrayList<>();
        private boolean tooMany;

        void add(MapExtent extent) {
            if (extents.size() < MOST_EXTENTS) {
                extents.add(extent);
            } else {
                tooMany = true;
            }
        }

        boolean isComplete() {
            return !tooMany;
        }

        List<MapExtent> extents() {
            return extents;
        }
    }
}
