package virtshrink.block;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.EOFException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SegmentedBlockSourceTest {
    private static final long SEED = 20;
    private static final int PART_BYTES = 4096;

    private final Random random = new Random(SEED);
    private final List<BlockSource> parts = new ArrayList<>();
    private final List<StripedSegment> segments = new ArrayList<>();
    /** For each byte of the composed source, where it lies: part times the size of one, plus the offset. */
    private final List<Integer> places = new ArrayList<>();

    /** Runs of one to four stripes, on three parts, none twice on the same place. */
    private SegmentedBlockSource compose() {
        parts.clear();
        segments.clear();
        places.clear();
        int[] next = new int[3];
        for (int part = 0; part < 3; part++) {
            byte[] content = new byte[PART_BYTES];
            random.nextBytes(content);
            parts.add(new MemoryDisk(PART_BYTES).putBytes(0, content));
        }
        for (int run = 0; run < 8; run++) {
            int stripes = 1 + random.nextInt(4);
            int stripeBytes = 1 + random.nextInt(20);
            int rows = 1 + random.nextInt(8);
            List<StripedSegment.Area> areas = new ArrayList<>();
            for (int stripe = 0; stripe < stripes; stripe++) {
                int part = random.nextInt(3);
                areas.add(new StripedSegment.Area(part, next[part]));
                next[part] += rows * stripeBytes + random.nextInt(9);
            }
            segments.add(new StripedSegment(places.size(), (long) rows * stripes * stripeBytes, stripeBytes, areas));
            for (int row = 0; row < rows; row++) {
                for (StripedSegment.Area area : areas) {
                    for (int at = 0; at < stripeBytes; at++) {
                        places.add(area.part() * PART_BYTES + (int) area.startBytes() + row * stripeBytes + at);
                    }
                }
            }
        }
        Collections.shuffle(segments, random);
        return new SegmentedBlockSource(parts, segments);
    }

    @Test
    void readsEveryByteFromItsPlace() throws IOException {
        for (int round = 0; round < 50; round++) {
            SegmentedBlockSource source = compose();
            assertEquals(places.size(), source.sizeBytes());
            for (int turn = 0; turn < 20; turn++) {
                int from = random.nextInt(places.size() + 1);
                int length = random.nextInt(places.size() - from + 1);
                byte[] expected = new byte[length];
                for (int at = 0; at < length; at++) {
                    int place = places.get(from + at);
                    expected[at] = ((MemoryDisk) parts.get(place / PART_BYTES)).bytes()[place % PART_BYTES];
                }
                assertArrayEquals(expected, source.read(from, length).array(), "seed " + SEED);
            }
        }
    }

    @Test
    void tellsWhereRangesLieInEachPart() {
        for (int round = 0; round < 50; round++) {
            SegmentedBlockSource source = compose();
            RangeSet.Builder ranges = RangeSet.builder();
            List<RangeSet.Builder> expected = List.of(RangeSet.builder(), RangeSet.builder(), RangeSet.builder());
            for (int turn = 0; turn < 5; turn++) {
                int from = random.nextInt(places.size());
                int length = random.nextInt(places.size() - from + 1);
                ranges.add(from, length);
                for (int at = from; at < from + length; at++) {
                    int place = places.get(at);
                    expected.get(place / PART_BYTES).add(place % PART_BYTES, 1);
                }
            }
            RangeSet wanted = ranges.build();
            long total = 0;
            for (int part = 0; part < 3; part++) {
                RangeSet found = source.inParts(wanted, 10_000).get(part);
                assertEquals(expected.get(part).build(), found, "seed " + SEED);
                total += found.totalBytes();
            }
            assertEquals(wanted.totalBytes(), total);
        }
    }

    @Test
    void keepsTheLongestWhereThereAreTooManyRanges() {
        SegmentedBlockSource source = new SegmentedBlockSource(
                List.of(new MemoryDisk(1 << 20)),
                List.of(StripedSegment.linear(0, 1 << 20, new StripedSegment.Area(0, 0))));
        RangeSet.Builder many = RangeSet.builder().add(1000, 500);
        for (int at = 2000; at < 100_000; at += 10) {
            many.add(at, 5);
        }
        RangeSet few = source.inParts(many.build(), 100).get(0);
        assertTrue(few.size() <= 100 && few.contains(new ByteRange(1000, 500)), few::toString);
    }

    @Test
    void refusesGapsAndWhatReachesOverAnEdge() {
        List<BlockSource> one = List.of(new MemoryDisk(100));
        StripedSegment.Area start = new StripedSegment.Area(0, 0);
        assertThrows(
                IllegalArgumentException.class,
                () -> new SegmentedBlockSource(one, List.of(StripedSegment.linear(1, 10, start))));
        assertThrows(
                IllegalArgumentException.class,
                () -> new SegmentedBlockSource(one, List.of(StripedSegment.linear(0, 101, start))));
        assertThrows(
                IllegalArgumentException.class,
                () -> new SegmentedBlockSource(
                        one, List.of(StripedSegment.linear(0, 10, start), StripedSegment.linear(9, 10, start))));
        assertThrows(IllegalArgumentException.class, () -> new StripedSegment(0, 10, 3, List.of(start)));
        SegmentedBlockSource source = new SegmentedBlockSource(one, List.of(StripedSegment.linear(0, 10, start)));
        assertThrows(EOFException.class, () -> source.read(9, 2));
        assertThrows(EOFException.class, () -> source.read(-1, 1));
    }
}
