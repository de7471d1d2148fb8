package virtshrink.shrink;

import java.util.List;

/** Runs the pipeline. Thread-safe; one run at a time and image. */
public final class Shrinker {
    /** Shrinks one image, or, on request, only estimates. Every expected end is a report; misuse is unchecked. */
    @SuppressWarnings("DoNotCallSuggester") // until it is written
    public ShrinkReport run(ShrinkRequest request, ProgressListener progress, Cancellation cancellation) {
        throw new UnsupportedOperationException("being written: " + request);
    }

    /**
     * Shrinks the disks of one domain: all are inspected before any is written, because a suspended or dirty guest on one disk concerns
     * the others.
     *
     * @return one report for each request, in their order
     */
    public List<ShrinkReport> runTogether(
            List<ShrinkRequest> disks, ProgressListener progress, Cancellation cancellation) {
        return disks.stream().map(disk -> run(disk, progress, cancellation)).toList();
    }
}
