package virtshrink.nbd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.Test;
import virtshrink.block.ByteRange;

class PiecesTest {
    private static List<ByteRange> cut(long cutBytes, ByteRange... ranges) {
        List<ByteRange> pieces = new ArrayList<>();
        new Pieces(List.of(ranges).iterator(), cutBytes).forEachRemaining(pieces::add);
        return pieces;
    }

    @Test
    void cutsAtMultiplesOfTheSizeAndNowhereElse() {
        assertEquals(
                List.of(
                        ByteRange.between(5, 10),
                        ByteRange.between(10, 20),
                        ByteRange.between(20, 21),
                        ByteRange.between(30, 40),
                        ByteRange.between(41, 50)),
                cut(10, ByteRange.between(5, 21), ByteRange.between(30, 40), ByteRange.between(41, 50)));
    }

    @Test
    void reachesTheLastByteThereCanBe() {
        ByteRange end = ByteRange.between(Long.MAX_VALUE - 7, Long.MAX_VALUE);
        assertEquals(List.of(end), cut(1 << 30, end));
    }

    @Test
    void nothingHasNoPieces() {
        Pieces pieces = new Pieces(List.<ByteRange>of().iterator(), 10);
        assertFalse(pieces.hasNext());
        assertThrows(NoSuchElementException.class, pieces::next);
    }
}
