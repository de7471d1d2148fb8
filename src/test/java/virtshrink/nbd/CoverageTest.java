package virtshrink.nbd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CoverageTest {
    @Test
    void agreesWithABitSetOnRandomClaims() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int round = 0; round < 2000; round++) {
            Coverage coverage = new Coverage(100, 132);
            BitSet arrived = new BitSet();
            for (int claim = 0; claim < 40; claim++) {
                int from = random.nextInt(32);
                int to = from + 1 + random.nextInt(Math.min(6, 32 - from));
                boolean free = arrived.get(from, to).isEmpty();
                assertEquals(free, coverage.claim(100 + from, 100 + to), "seed " + seed);
                if (!free) {
                    // A refused claim ends the reply; what follows it is not defined.
                    break;
                }
                arrived.set(from, to);
                assertEquals(arrived.cardinality() == 32, coverage.isWhole(), "seed " + seed);
            }
        }
    }

    @Test
    void descendingChunksAreNotScattered() {
        Coverage coverage = new Coverage(0, 100_000);
        for (int at = 99_999; at >= 0; at--) {
            assertTrue(coverage.claim(at, at + 1));
        }
        assertTrue(coverage.isWhole());
    }

    @Test
    void everySecondByteIsTooScattered() {
        Coverage coverage = new Coverage(0, 100_000);
        int at = 1;
        while (at < 100_000 && coverage.claim(at, at + 1)) {
            at += 2;
        }
        assertFalse(at >= 100_000);
    }
}
