package virtshrink.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import virtshrink.shrink.Cancellation.RunCancelledException;
import virtshrink.shrink.FillRefusedException;
import virtshrink.shrink.FillReport;
import virtshrink.shrink.Phase;

@Command(
        name = "fill",
        description =
                "Fills the free space of a mounted filesystem with zeros, the classical way, and frees it again. For"
                        + " filesystems that virt-shrink cannot read: afterwards 'image --filler none' gives the zeros back.")
final class FillCommand implements Callable<Integer> {
    private final Session session;

    @Option(
            names = "--force",
            description = "Also fill a filesystem of this running system, or of a network, which is full for a while.")
    private boolean force;

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Parameters(paramLabel = "DIR", description = "A directory on the filesystem.")
    private Path directory = Path.of("");

    FillCommand(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException, FillRefusedException, RunCancelledException {
        FillReport report;
        try (ProgressDisplay progress = output.progress(session)) {
            progress.subject(directory.toString());
            progress.phaseBegan(Phase.ZERO);
            report = session.collaborators()
                    .fill(directory, force, progress::advanced, session.stop().newCancellation());
        }
        Screen screen = session.screen();
        if (output.json()) {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("directory", directory.toString());
            json.put("bytesWritten", report.bytesWritten());
            json.put("files", report.files());
            json.put("outcome", "filled");
            json.put("reason", "");
            screen.out().println(Json.line(json));
        } else if (output.showsTables()) {
            screen.out()
                    .println(screen.outStyle().bold(SafeText.of(directory.toString())) + "  "
                            + ByteText.of(report.bytesWritten()) + " of zeros written and freed again");
        }
        return ExitCode.DONE.status();
    }
}
