package virtshrink.cli;

import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import virtshrink.history.HistoryEntry.ImageStamp;
import virtshrink.job.DiskRecord;
import virtshrink.job.JsonReport;
import virtshrink.policy.ImageStamps;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;

@Command(
        name = "image",
        description = "Shrinks a disk image that no guest uses: into OUTPUT, or in place of itself. The image is"
                + " rebuilt beside the original, compared with it, and only then put in its place.")
final class ImageCommand implements Callable<Integer> {
    private final Session session;

    @Mixin
    private ImageOptions options = new ImageOptions();

    @Mixin
    private RunOptions run = new RunOptions();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Option(
            names = "--machine-readable",
            description = "Progress for other programs; alone: the list of what this program can do.")
    private boolean machineReadable;

    @Parameters(index = "0", arity = "0..1", paramLabel = "IMAGE", description = "The disk image.")
    private @Nullable Path image;

    @Parameters(
            index = "1",
            arity = "0..1",
            paramLabel = "OUTPUT",
            description = "The file to write instead of replacing IMAGE.")
    private @Nullable Path outputFile;

    ImageCommand(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws WrongUsageException {
        Screen screen = session.screen();
        if (image == null) {
            if (!machineReadable) {
                throw new WrongUsageException("IMAGE is missing");
            }
            MachineReadableProgress.FEATURES.forEach(screen.out()::println);
            return ExitCode.DONE.status();
        }
        ShrinkRequest request = request(image);
        if (request.inPlace() && !request.dryRun() && !output.quiet()) {
            screen.err()
                    .println("virt-shrink: --in-place writes to the free blocks of '" + SafeText.of(image.toString())
                            + "' itself; there will be no untouched original");
        }
        Optional<ImageStamp> stampBefore = ImageStamps.of(image);
        ShrinkReport report;
        try (ProgressDisplay progress = progress()) {
            progress.subject(image.toString());
            report = session.collaborators()
                    .shrink(request, progress, session.stop().newCancellation());
        }
        report = remember(request, stampBefore, report);
        if (output.json()) {
            screen.out().println(Json.line(JsonReport.report(report, request.format())));
        }
        new DiskPrinter(screen, output, request.dryRun()).print(report, request.format());
        return session.exitCode(report.outcome()).status();
    }

    /** Only what was to replace the image can give anything back to the host. */
    private ShrinkReport remember(ShrinkRequest request, Optional<ImageStamp> stampBefore, ShrinkReport report) {
        if (request.dryRun() || request.output().isPresent()) {
            return report;
        }
        Optional<String> note =
                session.collaborators().remember(DiskRecord.ofImage(Instant.now(), stampBefore, report));
        return note.map(report::withNote).orElse(report);
    }

    private ShrinkRequest request(Path source) throws WrongUsageException {
        if (output.json() && machineReadable) {
            throw new WrongUsageException("--json and --machine-readable exclude one another");
        }
        if (run.keepOriginal().isPresent() && (outputFile != null || options.inPlace())) {
            throw new WrongUsageException("--keep-original is for an image that is replaced: not with "
                    + (outputFile != null ? "OUTPUT, which leaves it alone" : "--in-place"));
        }
        if (run.mounts() && options.inPlace()) {
            throw new WrongUsageException(
                    "--filler mount works on an overlay, which --in-place has none of: leave one of them away");
        }
        return run.settings().applyTo(options.request(source, Optional.ofNullable(outputFile)));
    }

    private ProgressDisplay progress() {
        return machineReadable ? new MachineReadableProgress(session.screen().out()) : output.progress(session);
    }
}
