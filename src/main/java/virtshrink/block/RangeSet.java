package virtshrink.block;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.LongUnaryOperator;

/**
 * A set of bytes as ascending, disjoint, non-adjacent, non-empty ranges. Immutable.
 *
 * <p>Sixteen bytes a range: the sets of large fragmented disks are bounded by {@link Builder}.
 */
public final class RangeSet implements Iterable<ByteRange> {
    private static final RangeSet EMPTY = new RangeSet(new long[0], new long[0]);

    private final long[] starts;
    private final long[] ends;

    private RangeSet(long[] starts, long[] ends) {
        this.starts = starts;
        this.ends = ends;
    }

    public static RangeSet empty() {
        return EMPTY;
    }

    public static RangeSet of(ByteRange... ranges) {
        Builder builder = builder();
        for (ByteRange range : ranges) {
            builder.add(range.startBytes(), range.lengthBytes());
        }
        return builder.build();
    }

    public static Builder builder() {
        return new Builder(Integer.MAX_VALUE);
    }

    /** A builder that holds at most about the given number of ranges, forgetting the shortest ones when there are more. */
    public static Builder builder(int mostRanges) {
        return new Builder(mostRanges);
    }

    public boolean isEmpty() {
        return starts.length == 0;
    }

    /** Number of ranges. */
    public int size() {
        return starts.length;
    }

    public ByteRange get(int index) {
        return ByteRange.between(starts[index], ends[index]);
    }

    /** Number of bytes in all ranges together. */
    public long totalBytes() {
        long total = 0;
        for (int i = 0; i < starts.length; i++) {
            total += ends[i] - starts[i];
        }
        return total;
    }

    /** Whether every byte of the range is in this set; an empty range always is. */
    public boolean contains(ByteRange range) {
        if (range.isEmpty()) {
            return true;
        }
        int at = firstEndingAfter(range.startBytes());
        return at < starts.length && starts[at] <= range.startBytes() && range.endBytes() <= ends[at];
    }

    public boolean overlaps(ByteRange range) {
        int at = firstEndingAfter(range.startBytes());
        return !range.isEmpty() && at < starts.length && starts[at] < range.endBytes();
    }

    public RangeSet union(RangeSet other) {
        if (other.isEmpty()) {
            return this;
        }
        if (isEmpty()) {
            return other;
        }
        Builder merged = builder();
        int a = 0;
        int b = 0;
        while (a < starts.length || b < other.starts.length) {
            if (b >= other.starts.length || (a < starts.length && starts[a] <= other.starts[b])) {
                merged.add(starts[a], ends[a] - starts[a]);
                a++;
            } else {
                merged.add(other.starts[b], other.ends[b] - other.starts[b]);
                b++;
            }
        }
        return merged.build();
    }

    public RangeSet intersect(RangeSet other) {
        Builder common = builder();
        int a = 0;
        int b = 0;
        while (a < starts.length && b < other.starts.length) {
            long start = Math.max(starts[a], other.starts[b]);
            long end = Math.min(ends[a], other.ends[b]);
            if (start < end) {
                common.add(start, end - start);
            }
            if (ends[a] < other.ends[b]) {
                a++;
            } else {
                b++;
            }
        }
        return common.build();
    }

    public RangeSet subtract(RangeSet other) {
        Builder left = builder();
        int b = 0;
        for (int a = 0; a < starts.length; a++) {
            long from = starts[a];
            while (b < other.starts.length && other.ends[b] <= from) {
                b++;
            }
            int cut = b;
            while (cut < other.starts.length && other.starts[cut] < ends[a]) {
                if (other.starts[cut] > from) {
                    left.add(from, other.starts[cut] - from);
                }
                from = Math.max(from, other.ends[cut]);
                cut++;
            }
            if (from < ends[a]) {
                left.add(from, ends[a] - from);
            }
        }
        return left.build();
    }

    /** This set in pieces of at most the given number of bytes, ascending; cut at multiples of that number. */
    public List<RangeSet> batches(long mostBytes) {
        List<RangeSet> batches = new ArrayList<>();
        Builder batch = builder();
        long room = mostBytes;
        for (ByteRange range : this) {
            long from = range.startBytes();
            while (from < range.endBytes()) {
                long cut = Math.min(range.endBytes(), from - from % mostBytes + mostBytes);
                if (cut - from > room) {
                    batches.add(batch.build());
                    batch = builder();
                    room = mostBytes;
                }
                batch.add(from, cut - from);
                room -= cut - from;
                from = cut;
            }
        }
        if (room < mostBytes) {
            batches.add(batch.build());
        }
        return batches;
    }

    /** The same ranges moved towards higher offsets. */
    public RangeSet shift(long byBytes) {
        LongUnaryOperator moved = value -> Math.addExact(value, byBytes);
        return new RangeSet(
                Arrays.stream(starts).map(moved).toArray(),
                Arrays.stream(ends).map(moved).toArray());
    }

    /**
     * The whole units of the given size that lie in this set; ranges that hold no whole unit vanish.
     *
     * @param unitBytes at least 1; units are counted from offset 0
     * @param sizeBytes size of the disk: its last unit may be cut short and still counts as whole
     */
    public RangeSet alignInward(long unitBytes, long sizeBytes) {
        Builder aligned = builder();
        for (int i = 0; i < starts.length; i++) {
            long over = starts[i] % unitBytes;
            long start = over == 0 ? starts[i] : starts[i] - over + unitBytes;
            long end = ends[i] >= sizeBytes ? ends[i] : ends[i] - ends[i] % unitBytes;
            if (start < end) {
                aligned.add(start, end - start);
            }
        }
        return aligned.build();
    }

    /**
     * Every unit of the given size that holds a byte of this set.
     *
     * @param unitBytes at least 1; units are counted from offset 0
     * @param sizeBytes size of the disk: its last unit may be cut short
     */
    public RangeSet alignOutward(long unitBytes, long sizeBytes) {
        Builder aligned = builder();
        for (int i = 0; i < starts.length; i++) {
            long start = starts[i] - starts[i] % unitBytes;
            long over = ends[i] % unitBytes;
            long end = over == 0 ? ends[i] : Math.min(Math.max(sizeBytes, ends[i]), ends[i] - over + unitBytes);
            aligned.add(start, end - start);
        }
        return aligned.build();
    }

    @Override
    public Iterator<ByteRange> iterator() {
        return new Iterator<>() {
            private int next;

            @Override
            public boolean hasNext() {
                return next < starts.length;
            }

            @Override
            public ByteRange next() {
                if (next >= starts.length) {
                    throw new NoSuchElementException();
                }
                return get(next++);
            }
        };
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof RangeSet set && Arrays.equals(starts, set.starts) && Arrays.equals(ends, set.ends);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(starts) + Arrays.hashCode(ends);
    }

    @Override
    public String toString() {
        return starts.length + " ranges, " + totalBytes() + " bytes";
    }

    private int firstEndingAfter(long offsetBytes) {
        int low = 0;
        int high = ends.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (ends[middle] > offsetBytes) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    /** Collects ranges in any order; overlapping and adjacent ones become one. Not thread-safe. */
    public static final class Builder {
        private final int mostRanges;
        private long[] starts = new long[16];
        private long[] ends = new long[16];
        private int size;
        private boolean ascending = true;
        private long shortestKeptBytes = 1;

        private Builder(int mostRanges) {
            this.mostRanges = mostRanges;
        }

        /**
         * Adds a range; an empty one changes nothing.
         *
         * @throws IllegalArgumentException if start and length are not a range
         */
        public Builder add(long startBytes, long lengthBytes) {
            ByteRange range = new ByteRange(startBytes, lengthBytes);
            if (range.isEmpty()) {
                return this;
            }
            if (size > 0 && startBytes >= starts[size - 1] && startBytes <= ends[size - 1]) {
                ends[size - 1] = Math.max(ends[size - 1], range.endBytes());
                return this;
            }
            if (size > 0 && startBytes < starts[size - 1]) {
                ascending = false;
            }
            if (size >= mostRanges) {
                forgetShortest();
            }
            if (size == starts.length) {
                starts = Arrays.copyOf(starts, size * 2);
                ends = Arrays.copyOf(ends, size * 2);
            }
            starts[size] = startBytes;
            ends[size] = range.endBytes();
            size++;
            return this;
        }

        public Builder add(ByteRange range) {
            return add(range.startBytes(), range.lengthBytes());
        }

        /**
         * The length below which ranges may have been forgotten; 1 if every range was kept. What is missing is always safe: a smaller set of
         * free bytes.
         */
        public long shortestKeptBytes() {
            return shortestKeptBytes;
        }

        public RangeSet build() {
            normalise();
            return size == 0 ? EMPTY : new RangeSet(Arrays.copyOf(starts, size), Arrays.copyOf(ends, size));
        }

        private void forgetShortest() {
            normalise();
            // What came since the last time and is shorter than what was forgotten then goes first; only then is more
            // given up.
            keepFrom(shortestKeptBytes);
            while (size > mostRanges / 2) {
                shortestKeptBytes = Math.multiplyExact(shortestKeptBytes, 2);
                keepFrom(shortestKeptBytes);
            }
        }

        private void keepFrom(long shortestBytes) {
            int kept = 0;
            for (int i = 0; i < size; i++) {
                if (ends[i] - starts[i] >= shortestBytes) {
                    starts[kept] = starts[i];
                    ends[kept] = ends[i];
                    kept++;
                }
            }
            size = kept;
        }

        private void normalise() {
            if (ascending) {
                return;
            }
            long[][] pairs = new long[size][];
            for (int i = 0; i < size; i++) {
                pairs[i] = new long[] {starts[i], ends[i]};
            }
            Arrays.sort(pairs, (a, b) -> Long.compare(a[0], b[0]));
            int merged = 0;
            for (long[] pair : pairs) {
                if (merged > 0 && pair[0] <= ends[merged - 1]) {
                    ends[merged - 1] = Math.max(ends[merged - 1], pair[1]);
                } else {
                    starts[merged] = pair[0];
                    ends[merged] = pair[1];
                    merged++;
                }
            }
            size = merged;
            ascending = true;
        }
    }
}
