package virtshrink.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import virtshrink.image.ImageFormat;

@Command(
        name = "estimate",
        description = "Tells what a run would reclaim. Writes nothing.")
final class EstimateCommand implements Callable<Integer> {
    private final Session session;

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Option(
            names = "--format",
            paramLabel = "F",
            converter = ImageFormats.Converter.class,
            description = "Format of the images (default: qcow2 for .qcow2, raw for .raw and .img; never guessed).")
    private @Nullable ImageFormat format;

    @Parameters(arity = "0..*", paramLabel = "IMAGE", description = "Disk images.")
    private List<Path> images = new ArrayList<>();

    EstimateCommand(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws WrongUsageException {
        return 0;
    }
}
