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

    private ImageFormat format;
    private Optional<Path> output = Optional.empty();
    private Optional<ImageFormat> convertTo = Optional.empty();
    private boolean compress;
    private List<String> createOptions = List.of();
    private Set<String> ignore = Set.of();
    private Set<String> zero = Set.of();
    private boolean inPlace;
    private boolean dryRun;
    private boolean allowRename;
    private Optional<String> keepOriginal = Optional.empty();
    private MinimumGain minimumGain = MinimumGain.ANY;
    private ShrinkRequest.Filler filler = ShrinkRequest.Filler.AUTO;
    private ShrinkRequest.IdleGuard guard = ShrinkRequest.IdleGuard.NONE;
    private ProgressListener progress = ProgressListener.SILENT;

    /**
     * @param runs the run directory, made if missing
     * @param image qcow2 unless {@link #format} says otherwise
     */
    TestRun(Path runs, Path image) {
        this.runs = runs;
        this.image = image;
        this.format = ImageFormat.QCOW2;
    }

    TestRun format(ImageFormat value) {
        format = value;
        return this;
    }

    TestRun output(Path value) {
        output = Optional.of(value);
        return this;
    }

    TestRun convertTo(ImageFormat value) {
        convertTo = Optional.of(value);
        return this;
    }

    TestRun compress() {
        compress = true;
        return this;
    }

    TestRun createOptions(String... values) {
        createOptions = List.of(values);
        return this;
    }

    TestRun ignore(String... devices) {
        ignore = Set.of(devices);
        return this;
    }

    TestRun zero(String... devices) {
        zero = Set.of(devices);
        return this;
    }

    TestRun inPlace() {
        inPlace = true;
        return this;
    }

    TestRun dryRun() {
        dryRun = true;
        return this;
    }

    TestRun allowRename() {
        allowRename = true;
        return this;
    }

    TestRun keepOriginal(String suffix) {
        keepOriginal = Optional.of(suffix);
        return this;
    }

    TestRun minimumGain(MinimumGain value) {
        minimumGain = value;
        return this;
    }

    TestRun withoutFiller() {
        filler = ShrinkRequest.Filler.NONE;
        return this;
    }

    TestRun guard(ShrinkRequest.IdleGuard value) {
        guard = value;
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
        return new ShrinkRequest(
                image,
                format,
                Optional.empty(),
                512,
                output,
                convertTo,
                compress,
                createOptions,
                ignore,
                zero,
                inPlace,
                dryRun,
                keepOriginal,
                minimumGain,
                filler,
                allowRename,
                guard);
    }

    ShrinkReport run() throws IOException {
        return new ShrinkRun(RunDirectory.at(runs), request(), RunContext.ALONE, progress, cancellation).run();
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
