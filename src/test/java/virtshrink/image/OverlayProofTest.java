package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;

/** What a map of the overlay must look like before the overlay is believed; its disk has 1000 bytes, of which 100 to 300 are free, and 600 to 700 vouched for. */
class OverlayProofTest {
    private final OverlayProof proof =
            new OverlayProof(RangeSet.of(new ByteRange(100, 200)), RangeSet.of(new ByteRange(600, 100)), 1000);

    private void below(long start, long end) {
        proof.accept(new MapExtent(ByteRange.between(start, end), 1, true, false, true, OptionalLong.of(0)));
    }

    private void zeros(long start, long end) {
        proof.accept(new MapExtent(ByteRange.between(start, end), 0, true, true, false, OptionalLong.empty()));
    }

    private void data(long start, long end) {
        proof.accept(new MapExtent(ByteRange.between(start, end), 0, true, false, true, OptionalLong.of(0)));
    }

    private String objection() {
        return String.valueOf(assertThrows(IOException.class, proof::require).getMessage());
    }

    @Test
    void whereOthersVouchAnythingMayBeHeld() {
        below(0, 600);
        zeros(600, 650);
        data(650, 700);
        below(700, 1000);
        assertDoesNotThrow(proof::require);
    }

    @Test
    void dataBesideWhatOthersVouchForIsSeen() {
        below(0, 650);
        data(650, 704);
        below(704, 1000);
        assertTrue(objection().contains("within 4 bytes from offset 700"), objection());
    }

    @Test
    void zerosInFreeSpaceAreFine() {
        below(0, 100);
        zeros(100, 300);
        below(300, 1000);
        assertDoesNotThrow(proof::require);
    }

    @Test
    void whatNobodyHoldsIsNotTheOverlays() {
        below(0, 900);
        proof.accept(new MapExtent(ByteRange.between(900, 1000), 0, false, true, false, OptionalLong.empty()));
        assertDoesNotThrow(proof::require);
    }

    @Test
    void zerosThatReachBeyondFreeSpaceAreNot() {
        below(0, 200);
        zeros(200, 301);
        below(301, 1000);
        assertEquals(
                "verification failed: the overlay holds bytes outside the proven free space, first within 101 bytes from offset 200",
                objection());
    }

    @Test
    void dataIsNot() {
        below(0, 100);
        data(100, 200);
        below(200, 1000);
        assertEquals("verification failed: the overlay holds data, first at offset 100", objection());
    }

    @Test
    void zerosThatAreStoredAreNot() {
        below(0, 100);
        proof.accept(new MapExtent(ByteRange.between(100, 200), 0, true, true, true, OptionalLong.of(0)));
        below(200, 1000);
        assertEquals("verification failed: the overlay holds data, first at offset 100", objection());
    }

    @Test
    void aMapThatEndsEarlyProvesNothing() {
        assertEquals("verification failed: the map of the overlay ends at 0, its disk at 1000", objection());
        below(0, 999);
        assertEquals("verification failed: the map of the overlay ends at 999, its disk at 1000", objection());
    }
}
