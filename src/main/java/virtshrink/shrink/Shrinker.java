package virtshrink.shrink;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.filesystem.FilesystemState;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.LoweredThread;
import virtshrink.image.RunDirectory;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;

/** Runs the pipeline. Thread-safe; one run at a time and image. */
public final class Shrinker {
    private static final Logger LOG = LoggerFactory.getLogger(Shrinker.class);

    private final Restraint restraint;

    /** With what is to be left to others. */
    public Shrinker(Restraint restraint) {
        this.restraint = restraint;
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
     * the others.
     *
     * @return one report for each request, in their order
     */
    public List<ShrinkReport> runTogether(
            List<ShrinkRequest> disks, ProgressListener progress, Cancellation cancellation) {
        RunContext context = disks.size() < 2 ? RunContext.ALONE : lookAt(disks);
        List<ShrinkReport> reports = new ArrayList<>();
        Optional<Cancellation> givenWay = Optional.empty();
        for (ShrinkRequest disk : disks) {
            // A disk past its point of no return must not keep the next one from being cancelled.
            Cancellation own = new Cancellation();
            // The guest that wanted one of its disks will have the others as well.
            givenWay.ifPresent(before -> passOn(before, own));
            Cancellation.Registration linked = cancellation.onCancel(() -> passOn(cancellation, own));
            reports.add(run(disk, context, progress, own));
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
        ShrinkRun run = new ShrinkRun(runDirectory(), disk, context, restraint, progress, cancellation);
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

    private RunContext lookAt(List<ShrinkRequest> disks) {
        Optional<String> suspended = Optional.empty();
        Optional<String> doubt = Optional.empty();
        for (ShrinkRequest disk : disks) {
            String name = "disk " + disk.target().orElse(disk.image().toString());
            Optional<DiskInspection> inspection = look(disk);
            if (inspection.isEmpty()) {
                doubt = Optional.of(name + " cannot be looked at, so the guest may be suspended and need this");
                continue;
            }
            for (FilesystemFinding finding : inspection.get().filesystems()) {
                if (finding.state() instanceof FilesystemState.Hibernated) {
                    suspended = Optional.of(name + ": " + finding.device() + ": "
                            + finding.state().reasonText());
                }
            }
            Optional<String> own =
                    inspection.get().doubt().or(() -> inspection.get().refusal());
            doubt = own.map(why -> name + ": " + why).or(doubtSoFar(doubt));
        }
        return new RunContext(suspended, doubt);
    }

    private static Supplier<Optional<String>> doubtSoFar(Optional<String> doubt) {
        return () -> doubt;
    }

    /** Empty if it cannot be looked at: its own run says why. */
    private Optional<DiskInspection> look(ShrinkRequest disk) {
        try {
            return Optional.of(new ImageInspector(restraint.pace())
                    .inspect(disk.image(), disk.format(), disk.target().orElse("sda"), disk.sectorBytes()));
        } catch (IOException | ImageRefusedException notReadable) {
            LOG.debug("{} cannot be looked at", disk.image(), notReadable);
            return Optional.empty();
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
