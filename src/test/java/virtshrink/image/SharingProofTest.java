package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import virtshrink.block.ByteRange;
import virtshrink.os.PhysicalExtent;

class SharingProofTest {
    private static final int SHARED = 0x2000;
    private static final int UNWRITTEN = 0x800;
    private static final int ENCODED = 0x8;
    private static final long KIB = 1024;

    /** The guest's 64 KiB lie at 64 KiB of the original and at 128 KiB of the new file. */
    private static boolean holds(List<PhysicalExtent> original, List<PhysicalExtent> copy) {
        return new SharingProof(original, copy).holds(List.of(data(1, 64 * KIB)), List.of(data(0, 128 * KIB)));
    }

    private static MapExtent data(int depth, long offset) {
        return new MapExtent(new ByteRange(0, 64 * KIB), depth, true, false, true, OptionalLong.of(offset));
    }

    private static PhysicalExtent extent(long logicalKib, long physicalKib, long lengthKib, int flags) {
        return new PhysicalExtent(logicalKib * KIB, physicalKib * KIB, lengthKib * KIB, flags);
    }

    @Test
    void equalSharedBlocksAreTheSame() {
        assertEquals(true, holds(List.of(extent(0, 1000, 128, SHARED)), List.of(extent(128, 1064, 64, SHARED))));
    }

    @Test
    void otherBlocksAreNot() {
        assertEquals(false, holds(List.of(extent(0, 1000, 128, SHARED)), List.of(extent(128, 1068, 64, SHARED))));
    }

    @Test
    void blocksThatAreNotSharedMayLieOnAnotherDevice() {
        assertEquals(false, holds(List.of(extent(0, 1000, 128, 0)), List.of(extent(128, 1064, 64, SHARED))));
    }

    @Test
    void compressedBlocksProveNothing() {
        int flags = SHARED | ENCODED;
        assertEquals(false, holds(List.of(extent(0, 1000, 128, flags)), List.of(extent(128, 1064, 64, flags))));
    }

    @Test
    void whatWasNeverWrittenIsZeroInBoth() {
        assertEquals(
                true,
                holds(
                        List.of(extent(64, 1000, 16, SHARED), extent(80, 1016, 48, UNWRITTEN)),
                        List.of(extent(128, 1000, 16, SHARED), extent(192, 3000, 4, SHARED))));
        assertEquals(true, holds(List.of(), List.of()));
    }

    @Test
    void aHoleBesideDataIsADifference() {
        List<PhysicalExtent> whole = List.of(extent(64, 1000, 64, SHARED));
        List<PhysicalExtent> lacksItsStart = List.of(extent(132, 1004, 60, SHARED));
        List<PhysicalExtent> lacksItsEnd = List.of(extent(128, 1000, 60, SHARED));
        List<PhysicalExtent> neverWrote = List.of(extent(128, 1000, 60, SHARED), extent(188, 1060, 4, UNWRITTEN));
        for (List<PhysicalExtent> copy : List.of(lacksItsStart, lacksItsEnd, neverWrote, List.<PhysicalExtent>of())) {
            assertEquals(false, holds(whole, copy), copy::toString);
        }
    }
}
