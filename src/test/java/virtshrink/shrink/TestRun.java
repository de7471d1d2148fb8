package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import virtshrink.image.ImageFormat;
import virtshrink.image.RunDirectory;

/** One run of the pipeline in this process, with a run directory of its own; what a test does not say is as the command line has it. */
final class TestRun {
    final Path image;
    final Path runs;
    final Cancellation cancellation = new Cancellation();

    private final ShrinkRequestBuilder request;
    private ProgressListener progress = ProgressListener.SILENT;
    private Restraint restraint = Restraint.NONE;
    private RunContext context = RunContext.ALONE;
    private Mounting mounting = Mounting.OF_HOST;

    /**
     * @param runs the run directory, made if missing
     * @param image qcow2 unless {@link #format} says otherwise
     */
    TestRun(Path runs, Path image) {
        this.runs = runs;
        this.image = image;
        this.request = ShrinkRequest.of(image, ImageFormat.QCOW2).changed();
    }

    TestRun format(ImageFormat value) {
        request.format(value);
        return this;
    }

    TestRun output(Path value) {
        request.output(Optional.of(value));
        return this;
    }

    TestRun convertTo(ImageFormat value) {
        request.convertTo(Optional.of(value));
        return this;
    }

    TestRun compress() {
        request.compress(true);
        return this;
    }

    TestRun createOptions(String... values) {
        request.createOptions(List.of(values));
        return this;
    }

    TestRun ignore(String... devices) {
        request.ignore(Set.of(devices));
        return this;
    }

    TestRun zero(String... devices) {
        request.zero(Set.of(devices));
        return this;
    }

    TestRun inPlace() {
        request.inPlace(true);
        return this;
    }

    TestRun dryRun() {
        request.dryRun(true);
        return this;
    }

    TestRun replayJournals() {
        request.replayJournals(true);
        return this;
    }

    TestRun allowRename() {
        request.allowRename(true);
        return this;
    }

    TestRun keepOriginal(String suffix) {
        request.keepOriginalSuffix(Optional.of(suffix));
        return this;
    }

    TestRun minimumGain(MinimumGain value) {
        request.minimumGain(value);
        return this;
    }

    TestRun withoutFiller() {
        request.filler(ShrinkRequest.Filler.NONE);
        return this;
    }

    TestRun mounting(Mounting value) {
        request.filler(ShrinkRequest.Filler.MOUNT);
        mounting = value;
        return this;
    }

    TestRun guard(ShrinkRequest.IdleGuard value) {
        request.guard(value);
        return this;
    }

    TestRun restraint(Restraint value) {
        restraint = value;
        return this;
    }

    /** A disk of the same guest, without which this one is not understood. */
    TestRun companion(ShrinkRequest disk) {
        context = new RunContext(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), List.of(disk));
        return this;
    }

    /** What the guest's other disks say against mounting. */
    TestRun mountObjection(String why) {
        context = new RunContext(Optional.empty(), Optional.empty(), Optional.empty(), Optional.of(why), List.of());
        return this;
    }

    TestRun progress(ProgressListener value) {
        progress = value;
        return this;
    }

    /** Does something when a phase begins, in the run's own thread. */
    TestRun when(Phase phase, Action action) {
        return progress(phases(began -> {
            if (began == phase) {
                action.run();
            }
        }));
    }

    /** What a test does in mid-run. */
    interface Action {
        void run() throws IOException;
    }

    /** Hears of phases only. */
    static ProgressListener phases(PhaseAction action) {
        return new ProgressListener() {
            @Override
            public void phaseBegan(Phase phase) {
                try {
                    action.began(phase);
                } catch (IOException problem) {
                    throw new AssertionError(problem);
                }
            }

            @Override
            public void advanced(long doneBytes, long totalBytes) {}
        };
    }

    /** What a test does when a phase begins. */
    interface PhaseAction {
        void began(Phase phase) throws IOException;
    }

    ShrinkRequest request() {
        return request.build();
    }

    ShrinkReport run() throws IOException {
        return new ShrinkRun(RunDirectory.at(runs), request(), context, restraint, mounting, progress, cancellation)
                .run();
    }

    /** Runs and wants that end. */
    ShrinkReport expect(Outcome outcome) throws IOException {
        ShrinkReport report = run();
        assertEquals(outcome, report.outcome(), () -> report.reason() + " " + report.notes());
        return report;
    }

    /** No temporary file beside the image, or where it went, and no registration. */
    void requireNothingLeft() throws IOException {
        requireNothingLeft(image.toAbsolutePath().getParent());
        requireNothingLeft(runs);
        Optional<Path> output = request().output();
        if (output.isPresent()) {
            requireNothingLeft(output.get().toAbsolutePath().getParent());
        }
    }

    /** Hidden files are what runs make; in a run directory anything is. */
    private void requireNothingLeft(Path directory) throws IOException {
        try (Stream<Path> entries = Files.list(directory)) {
            List<Path> left = entries.filter(entry -> directory.equals(runs)
                            || entry.getFileName().toString().startsWith("."))
                    .toList();
            assertEquals(List.of(), left);
        }
    }
}
