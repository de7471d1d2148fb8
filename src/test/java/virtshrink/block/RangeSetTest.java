package virtshrink.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RangeSetTest {
    private static final int SIZE = 300;

    @Test
    void joinsOverlappingAndAdjacentRangesAddedInAnyOrder() {
        RangeSet set = RangeSet.of(
                new ByteRange(40, 10),
                new ByteRange(0, 10),
                new ByteRange(10, 5),
                new ByteRange(45, 20),
                new ByteRange(3, 2));
        assertEquals(RangeSet.of(new ByteRange(0, 15), new ByteRange(40, 25)), set);
        assertEquals(2, set.size());
        assertEquals(40, set.totalBytes());
    }

    @Test
    void refusesNegativeRanges() {
        assertThrows(IllegalArgumentException.class, () -> RangeSet.builder().add(-1, 2));
        assertThrows(IllegalArgumentException.class, () -> RangeSet.builder().add(Long.MAX_VALUE, 1));
    }

    @Test
    void alignsInwardAndCountsTheShortLastUnitOfTheDiskAsWhole() {
        RangeSet set = RangeSet.of(new ByteRange(1, 98), new ByteRange(150, 45));
        assertEquals(RangeSet.of(new ByteRange(32, 64), new ByteRange(160, 32)), set.alignInward(32, 200));
        assertEquals(RangeSet.of(new ByteRange(32, 64), new ByteRange(160, 35)), set.alignInward(32, 195));
    }

    @Test
    void alignsOutwardWithinTheDisk() {
        RangeSet set = RangeSet.of(new ByteRange(33, 1), new ByteRange(150, 44));
        assertEquals(RangeSet.of(new ByteRange(32, 32), new ByteRange(128, 67)), set.alignOutward(32, 195));
    }

    @Test
    void aFullBuilderForgetsTheShortestRangesFirstAndNeverInventsAny() {
        RangeSet.Builder builder = RangeSet.builder(100);
        RangeSet.Builder all = RangeSet.builder();
        Random random = new Random(7);
        long at = 0;
        for (int i = 0; i < 10_000; i++) {
            long length = i % 500 == 0 ? 1 << 20 : 1 + random.nextInt(100);
            builder.add(at, length);
            all.add(at, length);
            at += length + 1;
        }
        RangeSet kept = builder.build();
        assertTrue(kept.size() <= 100, kept.toString());
        assertTrue(kept.totalBytes() >= 20L << 20, kept.toString());
        assertTrue(kept.subtract(all.build()).isEmpty());
        assertTrue(builder.shortestKeptBytes() > 1);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
    void setAlgebraAgreesWithBitSets(long seed) {
        Random random = new Random(seed);
        for (int round = 0; round < 200; round++) {
            BitSet a = randomBits(random);
            BitSet b = randomBits(random);
            BitSet union = (BitSet) a.clone();
            union.or(b);
            BitSet common = (BitSet) a.clone();
            common.and(b);
            BitSet left = (BitSet) a.clone();
            left.andNot(b);
            String replay = "seed " + seed + " round " + round;
            assertEquals(of(union), of(a).union(of(b)), replay);
            assertEquals(of(common), of(a).intersect(of(b)), replay);
            assertEquals(of(left), of(a).subtract(of(b)), replay);
            assertEquals(a.cardinality(), of(a).totalBytes(), replay);
            int start = random.nextInt(SIZE);
            int end = start + random.nextInt(SIZE - start);
            assertEquals(a.nextClearBit(start) >= end, of(a).contains(ByteRange.between(start, end)), replay);
            assertEquals(
                    end > start && a.get(start, end).cardinality() > 0,
                    of(a).overlaps(ByteRange.between(start, end)),
                    replay);
            int unit = 1 + random.nextInt(20);
            RangeSet inward = of(a).alignInward(unit, SIZE);
            RangeSet outward = of(a).alignOutward(unit, SIZE);
            for (int u = 0; u < SIZE; u += unit) {
                ByteRange whole = ByteRange.between(u, Math.min(u + unit, SIZE));
                assertEquals(of(a).contains(whole), inward.overlaps(whole), replay);
                assertEquals(of(a).overlaps(whole), outward.contains(whole), replay);
            }
            assertEquals(of(a), of(a).shift(5).shift(-5), replay);
        }
    }

    private static BitSet randomBits(Random random) {
        BitSet bits = new BitSet();
        int runs = random.nextInt(12);
        for (int i = 0; i < runs; i++) {
            int start = random.nextInt(SIZE);
            bits.set(start, Math.min(SIZE, start + 1 + random.nextInt(40)));
        }
        return bits;
    }

    private static RangeSet of(BitSet bits) {
        RangeSet.Builder builder = RangeSet.builder();
        for (int start = bits.nextSetBit(0); start >= 0; start = bits.nextSetBit(bits.nextClearBit(start))) {
            builder.add(start, bits.nextClearBit(start) - start);
        }
        return builder.build();
    }

    @Test
    void emptyRangesAreEverywhereAndNowhere() {
        assertTrue(RangeSet.empty().contains(new ByteRange(5, 0)));
        assertFalse(RangeSet.of(new ByteRange(0, 10)).overlaps(new ByteRange(5, 0)));
    }
}
