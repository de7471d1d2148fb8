package virtshrink.block;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Comparator;
import java.util.List;

/** A source put together from runs of other sources, such as a logical volume. As thread-safe as its parts are. */
public final class SegmentedBlockSource implements BlockSource {
    private final List<BlockSource> parts;
    private final List<StripedSegment> segments;
    private final long sizeBytes;

    /**
     * @param parts what the segments' areas are in
     * @param segments in any order; together they cover the bytes from 0 to the end, each once
     * @throws IllegalArgumentException if there is a gap, an overlap or an area that reaches beyond its part
     */
    public SegmentedBlockSource(List<BlockSource> parts, List<StripedSegment> segments) {
        this.parts = List.copyOf(parts);
        this.segments = segments.stream()
                .sorted(Comparator.comparingLong(StripedSegment::startBytes))
                .toList();
        long at = 0;
        for (StripedSegment segment : this.segments) {
            if (segment.startBytes() != at) {
                throw new IllegalArgumentException(
                        "a segment at %d, expected at %d".formatted(segment.startBytes(), at));
            }
            for (StripedSegment.Area area : segment.areas()) {
                if (area.startBytes() < 0
                        || area.startBytes() > parts.get(area.part()).sizeBytes() - segment.areaBytes()) {
                    throw new IllegalArgumentException(area + " reaches beyond its part");
                }
            }
            at = Math.addExact(at, segment.lengthBytes());
        }
        this.sizeBytes = at;
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    @Override
    public void read(long offsetBytes, ByteBuffer destination) throws IOException {
        if (offsetBytes < 0 || offsetBytes > sizeBytes - destination.remaining()) {
            throw new EOFException("%d bytes at offset %d reach beyond the end at %d"
                    .formatted(destination.remaining(), offsetBytes, sizeBytes));
        }
        int limit = destination.limit();
        long at = offsetBytes;
        int index = indexAt(at);
        while (destination.hasRemaining()) {
            StripedSegment segment = segments.get(index);
            long inRun = at - segment.startBytes();
            int turn = (int) (inRun / segment.stripeBytes() % segment.areas().size());
            long untilNext = segment.stripeBytes() - inRun % segment.stripeBytes();
            int length = (int) Math.min(destination.remaining(), untilNext);
            StripedSegment.Area area = segment.areas().get(turn);
            destination.limit(destination.position() + length);
            parts.get(area.part()).read(area.startBytes() + segment.areaBytesBefore(turn, inRun), destination);
            destination.limit(limit);
            at += length;
            if (at >= segment.endBytes()) {
                index++;
            }
        }
    }

    /**
     * Where bytes of this source lie in its parts.
     *
     * @param ranges of this source
     * @param mostRanges each of the results has at most about so many ranges; the shortest are missing
     * @return for each part what of them is in it
     */
    public List<RangeSet> inParts(RangeSet ranges, int mostRanges) {
        List<RangeSet.Builder> found =
                parts.stream().map(part -> RangeSet.builder(mostRanges)).toList();
        for (ByteRange range : ranges) {
            long end = Math.min(range.endBytes(), sizeBytes);
            for (int index = indexAt(range.startBytes()); index < segments.size(); index++) {
                StripedSegment segment = segments.get(index);
                if (segment.startBytes() >= end) {
                    break;
                }
                addAreas(found, segment, range.startBytes(), end);
            }
        }
        return found.stream().map(RangeSet.Builder::build).toList();
    }

    /** Consecutive stripes of one area lie beside one another: a range is one range in each area. */
    private static void addAreas(List<RangeSet.Builder> found, StripedSegment segment, long from, long to) {
        long fromInRun = Math.max(from, segment.startBytes()) - segment.startBytes();
        long toInRun = Math.min(to, segment.endBytes()) - segment.startBytes();
        for (int turn = 0; turn < segment.areas().size() && fromInRun < toInRun; turn++) {
            StripedSegment.Area area = segment.areas().get(turn);
            long start = segment.areaBytesBefore(turn, fromInRun);
            found.get(area.part()).add(area.startBytes() + start, segment.areaBytesBefore(turn, toInRun) - start);
        }
    }

    /** The segment that holds the byte, or the number of segments if none does. */
    private int indexAt(long offsetBytes) {
        int low = 0;
        int high = segments.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (segments.get(middle).endBytes() > offsetBytes) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }
}
