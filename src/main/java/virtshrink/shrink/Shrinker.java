package virtshrink.shrink;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import virtshrink.image.LoweredThread;
import virtshrink.image.RunDirectory;

/** Runs the pipeline. Thread-safe; one run at a time and image. */
public final class Shrinker {
    private final Restraint restraint;
    private final Mounting mounting;

    /** With what is to be left to others. */
    public Shrinker(Restraint restraint) {
        this(restraint, Mounting.OF_HOST);
    }

    /** With another way of treating what has no reader. */
    Shrinker(Restraint restraint, Mounting mounting) {
        this.restraint = restraint;
        this.mounting = mounting;
    }

    /** As fast as it goes. */
    public Shrinker() {
        this(Restraint.NONE);
    }

    /** Shrinks one image, or, on request, only estimates. Every expected end is a report; misuse is unchecked. */
    public ShrinkReport run(ShrinkRequest request, ProgressListener progress, Cancellation cancellation) {
        return run(request, RunContext.ALONE, progress, cancellation);
    }

    /**
     * Shrinks the disks of one domain: all are inspected before any is written, because a suspended or dirty guest on one disk concerns
     * the others, and because volumes may reach from one disk to another: then those disks are read again, and kept from being written to,
     * while one of them is worked on.
     *
     * @return one report for each request, in their order
     */
    public List<ShrinkReport> runTogether(
            List<ShrinkRequest> disks, ProgressListener progress, Cancellation cancellation) {
        List<RunContext> contexts =
                disks.size() < 2 ? List.of(RunContext.ALONE) : FirstLook.at(disks, restraint.pace(), cancellation);
        List<ShrinkReport> reports = new ArrayList<>();
        Optional<Cancellation> givenWay = Optional.empty();
        for (int i = 0; i < disks.size(); i++) {
            // A disk past its point of no return must not keep the next one from being cancelled.
            Cancellation own = new Cancellation();
            // The guest that wanted one of its disks will have the others as well.
            givenWay.ifPresent(before -> passOn(before, own));
            Cancellation.Registration linked = cancellation.onCancel(() -> passOn(cancellation, own));
            reports.add(run(disks.get(i), contexts.get(i), progress, own));
            linked.close();
            givenWay = own.reason().isPresent() ? Optional.of(own) : Optional.empty();
        }
        return reports;
    }

    private static void passOn(Cancellation cancelled, Cancellation other) {
        other.cancel(cancelled.cause(), cancelled.reason().orElse("the run was cancelled"));
    }

    private ShrinkReport run(
            ShrinkRequest disk, RunContext context, ProgressListener progress, Cancellation cancellation) {
        ShrinkRun run = new ShrinkRun(runDirectory(), disk, context, restraint, mounting, progress, cancellation);
        if (!restraint.pace().background()) {
            return run.run();
        }
        LoweredThread lowered = LoweredThread.lower();
        // Whoever cancels waits for what the thread has left to do.
        Cancellation.Registration hurry = cancellation.onCancel(lowered::restore);
        try {
            return run.run();
        } finally {
            hurry.close();
            lowered.close();
        }
    }

    private static RunDirectory runDirectory() {
        try {
            return RunDirectory.standard();
        } catch (IOException problem) {
            throw new UncheckedIOException(problem);
        }
    }
}
