package virtshrink.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import virtshrink.image.ImageFormat;
import virtshrink.image.ImageRefusedException;
import virtshrink.inspect.DiskInspection;
import virtshrink.job.JsonReport;
import virtshrink.shrink.Phase;

@Command(
        name = "inspect",
        description = "Shows the partitions and filesystems of an image and their free bytes. Writes nothing.")
final class InspectCommand implements Callable<Integer> {
    private final Session session;

    @Option(
            names = "--format",
            paramLabel = "F",
            converter = ImageFormats.Converter.class,
            description = "Format of the image (default: qcow2 for .qcow2, raw for .raw and .img; never guessed).")
    private @Nullable ImageFormat format;

    @Option(names = "--json", description = "Print one JSON object on standard output and nothing else.")
    private boolean json;

    @Mixin
    private JournalOption journals = new JournalOption();

    @Parameters(paramLabel = "IMAGE", description = "The disk image.")
    private Path image = Path.of("");

    InspectCommand(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException, ImageRefusedException, WrongUsageException {
        ImageFormat chosen = ImageFormats.choose(format, image);
        DiskInspection disk;
        try (ProgressDisplay progress = OutputOptions.live(session)) {
            progress.subject(image.toString());
            progress.phaseBegan(Phase.INSPECT);
            disk = session.collaborators().inspect(image, chosen, journals.replayJournals());
        }
        Screen screen = session.screen();
        if (json) {
            screen.out().println(Json.line(JsonReport.inspection(image, chosen, disk)));
        } else {
            new InspectionText(screen.outStyle()).lines(image, chosen, disk).forEach(screen.out()::println);
        }
        return ExitCode.DONE.status();
    }
}
