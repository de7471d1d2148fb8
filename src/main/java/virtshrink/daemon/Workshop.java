package virtshrink.daemon;

import java.time.Clock;
import java.util.List;
import java.util.function.Consumer;
import virtshrink.history.History;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;

/**
 * What work is done with; tests give others.
 *
 * @param status takes a line on what is being done
 */
record Workshop(
        Domains.Source source,
        DiskRunner runner,
        History history,
        Clock clock,
        CurrentWork current,
        GoodNeighbour neighbour,
        Consumer<String> status) {

    /** Shrinks the disks of one domain. */
    interface DiskRunner {
        /** As {@link virtshrink.shrink.Shrinker#runTogether} does. */
        List<ShrinkReport> run(List<ShrinkRequest> disks, ProgressListener progress, Cancellation cancellation);
    }
}
