package virtshrink.image;

import java.io.IOException;
import java.util.Optional;
import virtshrink.block.RangeSet;

/** Shows, from a map of the overlay, that it holds nothing but zeros, and those nowhere but in proven free space. For one thread. */
final class OverlayProof {
    private final RangeSet zeroed;
    private Optional<String> complaint = Optional.empty();

    /** @param zeroed the ranges of the guest's disk that were to be zeroed */
    OverlayProof(RangeSet zeroed) {
        this.zeroed = zeroed;
    }

    void accept(MapExtent extent) {
        boolean held = extent.depth() == 0 && (extent.present() || extent.data());
        if (!held || complaint.isPresent()) {
            return;
        }
        if (!zeroed.contains(extent.range())) {
            complaint = Optional.of("the overlay holds bytes outside the proven free space, first within "
                    + extent.range().lengthBytes() + " bytes from offset "
                    + extent.range().startBytes());
        } else if (!extent.zero() || extent.data()) {
            complaint = Optional.of(
                    "the overlay holds data, first at offset " + extent.range().startBytes());
        }
    }

    /** @throws IOException if anything accepted so far speaks against it */
    void require() throws IOException {
        if (complaint.isPresent()) {
            throw new IOException("verification failed: " + complaint.get());
        }
    }
}
