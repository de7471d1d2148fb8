package virtshrink.nbd;

import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import virtshrink.block.ByteRange;

/** Ranges cut at every multiple of a size, so that each piece is at most that long and begins and ends aligned where its range does. */
final class Pieces implements Iterator<ByteRange> {
    private final Iterator<ByteRange> ranges;
    private final long cutBytes;
    private Optional<ByteRange> rest = Optional.empty();

    Pieces(Iterator<ByteRange> ranges, long cutBytes) {
        this.ranges = ranges;
        this.cutBytes = cutBytes;
    }

    @Override
    public boolean hasNext() {
        return rest.isPresent() || ranges.hasNext();
    }

    @Override
    public ByteRange next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        ByteRange range = rest.orElseGet(ranges::next);
        long room = cutBytes - range.startBytes() % cutBytes;
        if (range.lengthBytes() <= room) {
            rest = Optional.empty();
            return range;
        }
        rest = Optional.of(ByteRange.between(range.startBytes() + room, range.endBytes()));
        return new ByteRange(range.startBytes(), room);
    }
}
