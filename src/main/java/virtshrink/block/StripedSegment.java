package virtshrink.block;

import java.util.List;

/**
 * One run of a {@link SegmentedBlockSource}: dealt out to one or several areas in turn, a stripe at a time.
 *
 * @param startBytes where the run begins in the composed source
 * @param lengthBytes of the run; a multiple of {@code stripeBytes} times the number of areas
 * @param stripeBytes how much goes to one area before the next has its turn; the whole length if there is one area
 * @param areas where the stripes lie, at least one
 */
public record StripedSegment(long startBytes, long lengthBytes, long stripeBytes, List<Area> areas) {
    /**
     * Where stripes lie, one behind the other.
     *
     * @param part which of the sources the area is in
     * @param startBytes where it begins there
     */
    public record Area(int part, long startBytes) {}

    public StripedSegment {
        areas = List.copyOf(areas);
        if (areas.isEmpty() || stripeBytes <= 0 || lengthBytes % Math.multiplyExact(stripeBytes, areas.size()) != 0) {
            throw new IllegalArgumentException(
                    "%d bytes in %d areas by %d".formatted(lengthBytes, areas.size(), stripeBytes));
        }
    }

    /** A run that lies in one piece. */
    public static StripedSegment linear(long startBytes, long lengthBytes, Area area) {
        return new StripedSegment(startBytes, lengthBytes, lengthBytes, List.of(area));
    }

    public long endBytes() {
        return startBytes + lengthBytes;
    }

    /** How much of the run each of its areas holds. */
    long areaBytes() {
        return lengthBytes / areas.size();
    }

    /** What one area holds of the bytes from the start of this run up to the given one. */
    long areaBytesBefore(int area, long offsetInRun) {
        long rowBytes = stripeBytes * areas.size();
        long inRow = offsetInRun % rowBytes - area * stripeBytes;
        return offsetInRun / rowBytes * stripeBytes + Math.min(Math.max(inRow, 0), stripeBytes);
    }
}
