package virtshrink.image;

import java.io.IOException;
import java.util.Optional;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;

/**
 * Shows, from a map of the overlay, that it holds nothing but zeros, and those nowhere but in proven free space, apart from ranges that are proven
 * otherwise. For one thread.
 */
final class OverlayProof {
    private final RangeSet zeroed;
    private final RangeSet exempt;
    private final long diskBytes;
    private long seenBytes;
    private Optional<String> complaint = Optional.empty();

    /**
     * @param zeroed the ranges of the guest's disk that were to be zeroed
     * @param exempt anything may be held there
     * @param diskBytes where the map has to end
     */
    OverlayProof(RangeSet zeroed, RangeSet exempt, long diskBytes) {
        this.zeroed = zeroed;
        this.exempt = exempt;
        this.diskBytes = diskBytes;
    }

    /** To be called for every extent in order; the parser has made sure that there are no gaps. */
    void accept(MapExtent extent) {
        seenBytes = extent.range().endBytes();
        boolean held = extent.depth() == 0 && (extent.present() || extent.data());
        if (!held || complaint.isPresent()) {
            return;
        }
        RangeSet left = exempt.overlaps(extent.range())
                ? RangeSet.of(extent.range()).subtract(exempt)
                : RangeSet.of(extent.range());
        for (ByteRange range : left) {
            if (!zeroed.contains(range)) {
                complaint = Optional.of("the overlay holds bytes outside the proven free space, first within "
                        + range.lengthBytes() + " bytes from offset " + range.startBytes());
                return;
            } else if (!extent.zero() || extent.data()) {
                complaint = Optional.of("the overlay holds data, first at offset " + range.startBytes());
                return;
            }
        }
    }

    /** @throws IOException if anything accepted speaks against it, or the map was not that of the whole disk */
    void require() throws IOException {
        if (seenBytes != diskBytes) {
            throw new IOException("verification failed: the map of the overlay ends at %d, its disk at %d"
                    .formatted(seenBytes, diskBytes));
        }
        if (complaint.isPresent()) {
            throw new IOException("verification failed: " + complaint.get());
        }
    }
}
