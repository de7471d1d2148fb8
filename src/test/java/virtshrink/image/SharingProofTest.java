package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import virtshrink.block.ByteRange;
import virtshrink.os.PhysicalExtent;

class SharingProofTest {
    private static final int SHARED = 0x2000;
    private static final int UNWRITTEN = 0x800;
    private static final int ENCODED = 0x8;

    /** Guest 0..100 lies at 1000 in the original, 100..200 is zero, 200..300 lies at 1200. */
    private static final List<MapExtent> OVERLAY =
            List.of(data(0, 100, 1, 1000), zero(100, 100, 0), data(200, 100, 1, 1200));

    private static final List<MapExtent> COPY =
            List.of(data(0, 100, 0, 500), zero(100, 100, 0), data(200, 100, 0, 600));

    private static final List<PhysicalExtent> ORIGINAL_BLOCKS = List.of(block(1000, 77_000, 400, SHARED));

    @Test
    void holdsWhereBothLeadToTheSameBlocks() {
        assertTrue(proof(block(500, 77_000, 100, SHARED), block(600, 77_200, 100, SHARED))
                .holds(OVERLAY, COPY));
    }

    @Test
    void holdsAcrossDifferentlyCutExtents() {
        SharingProof proof = proof(
                block(500, 77_000, 30, SHARED),
                block(530, 77_030, 70, SHARED),
                block(600, 77_200, 50, SHARED),
                block(650, 77_250, 50, SHARED));
        List<MapExtent> copy = List.of(
                data(0, 40, 0, 500), data(40, 60, 0, 540), zero(100, 30, 0), zero(130, 70, 0), data(200, 100, 0, 600));
        assertTrue(proof.holds(OVERLAY, copy));
    }

    @Test
    void failsWhereABlockIsAnother() {
        assertFalse(proof(block(500, 77_000, 100, SHARED), block(600, 88_200, 100, SHARED))
                .holds(OVERLAY, COPY));
    }

    @Test
    void failsOnBlocksThatAreNotShared() {
        assertFalse(proof(block(500, 77_000, 100, SHARED), block(600, 77_200, 100, 0))
                .holds(OVERLAY, COPY));
    }

    @Test
    void failsOnBlocksWhosePlaceSaysNothing() {
        assertFalse(proof(block(500, 77_000, 100, SHARED | UNWRITTEN), block(600, 77_200, 100, SHARED))
                .holds(OVERLAY, COPY));
        assertFalse(proof(block(500, 77_000, 100, SHARED | ENCODED), block(600, 77_200, 100, SHARED))
                .holds(OVERLAY, COPY));
    }

    @Test
    void failsOnAHoleInEitherFile() {
        assertFalse(proof(block(500, 77_000, 100, SHARED)).holds(OVERLAY, COPY));
        assertFalse(proof(block(500, 77_000, 100, SHARED), block(601, 77_201, 99, SHARED))
                .holds(OVERLAY, COPY));
    }

    @Test
    void holdsWhereNeitherWasEverWrittenInsideOfACluster() {
        List<PhysicalExtent> original = List.of(
                block(1000, 77_000, 60, SHARED), block(1060, 77_060, 40, UNWRITTEN), block(1200, 77_200, 50, SHARED));
        List<PhysicalExtent> hole = List.of(block(500, 77_000, 60, SHARED), block(600, 77_200, 50, SHARED));
        assertTrue(new SharingProof(original, hole).holds(OVERLAY, COPY));
    }

    @Test
    void failsOnAHoleWhereTheOriginalHasOnlyPartlyData() {
        List<PhysicalExtent> tooShort = List.of(block(500, 77_000, 99, SHARED), block(600, 77_200, 100, SHARED));
        List<PhysicalExtent> tooLate = List.of(block(501, 77_001, 99, SHARED), block(600, 77_200, 100, SHARED));
        assertFalse(new SharingProof(ORIGINAL_BLOCKS, tooShort).holds(OVERLAY, COPY));
        assertFalse(new SharingProof(ORIGINAL_BLOCKS, tooLate).holds(OVERLAY, COPY));
    }

    @Test
    void failsOnUnwrittenBlocksWithoutAPlace() {
        int delayed = 0x4;
        List<PhysicalExtent> original = List.of(block(1000, 77_000, 100, UNWRITTEN | delayed));
        assertFalse(new SharingProof(original, List.of()).holds(OVERLAY.subList(0, 1), COPY.subList(0, 1)));
    }

    @Test
    void failsWhereOneIsZeroAndTheOtherIsNot() {
        SharingProof proof = proof(block(500, 77_000, 300, SHARED));
        List<MapExtent> copy = List.of(data(0, 300, 0, 500));
        assertFalse(proof.holds(OVERLAY, copy));
        assertFalse(proof.holds(OVERLAY, List.of(zero(0, 300, 0))));
    }

    @Test
    void failsWhereTheOverlayItselfHoldsData() {
        List<MapExtent> overlay = List.of(data(0, 100, 0, 1000));
        assertFalse(proof(block(500, 77_000, 100, SHARED)).holds(overlay, List.of(data(0, 100, 0, 500))));
    }

    @Test
    void failsOnMapsOfDifferentLengthOrWithGaps() {
        SharingProof proof = proof(block(500, 77_000, 100, SHARED), block(600, 77_200, 100, SHARED));
        assertFalse(proof.holds(OVERLAY, COPY.subList(0, 2)));
        assertFalse(proof.holds(OVERLAY.subList(0, 2), COPY));
        assertFalse(proof.holds(List.of(OVERLAY.get(0), OVERLAY.get(2)), List.of(COPY.get(0), COPY.get(2))));
    }

    @Test
    void failsOnCompressedClustersWhichHaveNoOffset() {
        List<MapExtent> compressed =
                List.of(new MapExtent(new ByteRange(0, 100), 1, true, false, true, OptionalLong.empty()));
        assertFalse(proof(block(500, 77_000, 100, SHARED)).holds(compressed, List.of(data(0, 100, 0, 500))));
    }

    private static SharingProof proof(PhysicalExtent... newBlocks) {
        return new SharingProof(ORIGINAL_BLOCKS, List.of(newBlocks));
    }

    private static MapExtent data(long start, long length, int depth, long offset) {
        return new MapExtent(new ByteRange(start, length), depth, true, false, true, OptionalLong.of(offset));
    }

    private static MapExtent zero(long start, long length, int depth) {
        return new MapExtent(new ByteRange(start, length), depth, true, true, false, OptionalLong.empty());
    }

    private static PhysicalExtent block(long logical, long physical, long length, int flags) {
        return new PhysicalExtent(logical, physical, length, flags);
    }
}
