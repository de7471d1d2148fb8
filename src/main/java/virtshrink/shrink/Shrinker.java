package virtshrink.shrink;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.filesystem.FilesystemState;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.RunDirectory;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;

/** Runs the pipeline. Thread-safe; one run at a time and image. */
public final class Shrinker {
    private static final Logger LOG = LoggerFactory.getLogger(Shrinker.class);

    /** Shrinks one image, or, on request, only estimates. Every expected end is a report; misuse is unchecked. */
    public ShrinkReport run(ShrinkRequest request, ProgressListener progress, Cancellation cancellation) {
        return new ShrinkRun(runDirectory(), request, RunContext.ALONE, progress, cancellation).run();
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
        for (ShrinkRequest disk : disks) {
            // A disk past its point of no return must not keep the next one from being cancelled.
            Cancellation own = new Cancellation();
            try (Cancellation.Registration linked =
                    cancellation.onCancel(() -> own.cancel(cancellation.reason().orElse("the run was cancelled")))) {
                reports.add(new ShrinkRun(runDirectory(), disk, context, progress, own).run());
            }
        }
        return reports;
    }

    private static RunContext lookAt(List<ShrinkRequest> disks) {
        Optional<String> suspended = Optional.empty();
        Optional<String> dirty = Optional.empty();
        for (ShrinkRequest disk : disks) {
            for (FilesystemFinding finding : look(disk)) {
                String where =
                        disk.target().map(target -> "disk " + target + ": ").orElse("") + finding.device() + ": "
                                + finding.state().reasonText();
                if (finding.state() instanceof FilesystemState.Hibernated) {
                    suspended = Optional.of(where);
                } else if (finding.state() instanceof FilesystemState.Dirty) {
                    dirty = Optional.of(where);
                }
            }
        }
        return new RunContext(suspended, dirty);
    }

    /** What cannot be looked at here cannot be shrunk either: its own run says why. */
    private static List<FilesystemFinding> look(ShrinkRequest disk) {
        try {
            DiskInspection inspection = new ImageInspector()
                    .inspect(disk.image(), disk.format(), disk.target().orElse("sda"), disk.sectorBytes());
            return inspection.filesystems();
        } catch (IOException | ImageRefusedException notReadable) {
            LOG.debug("{} cannot be looked at", disk.image(), notReadable);
            return List.of();
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
