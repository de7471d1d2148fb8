package virtshrink.inspect;

import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;

/**
 * How many free ranges are kept of several volumes together. Each reader bounds its own, but there may be hundreds of volumes, on dozens of
 * disks. Not thread-safe.
 */
final class RangeBudget {
    /** Sixteen bytes each, and again as many where they are turned into places on the disk. */
    static final int MOST_RANGES = 1 << 19;
    /** So many are left for those that come last. */
    private static final int LEAST_RANGES = 64;

    private int left;

    /** @param mostRanges of all volumes together, but for a few each */
    RangeBudget(int mostRanges) {
        this.left = mostRanges;
    }

    /** The same report, without the shortest of its free ranges if there are too many. */
    FilesystemReport within(FilesystemReport report) {
        if (!(report.state() instanceof FilesystemState.FreeSpace space)) {
            return report;
        }
        FilesystemState.FreeSpace kept = space;
        if (space.free().size() > left) {
            RangeSet.Builder longest = RangeSet.builder(Math.max(left, LEAST_RANGES));
            for (ByteRange range : space.free()) {
                longest.add(range);
            }
            kept = new FilesystemState.FreeSpace(
                    space.freeBytes(), longest.build(), space.replayed(), space.marksUse());
        }
        left = Math.max(0, left - kept.free().size());
        return new FilesystemReport(report.identity(), kept);
    }
}
