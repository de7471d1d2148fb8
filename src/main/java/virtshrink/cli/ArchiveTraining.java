package virtshrink.cli;

import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemState;
import virtshrink.image.ImageFormat;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;
import virtshrink.shrink.FileSize;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.Phase;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkReport.FilesystemGain;

/**
 * Goes through what the command line usually does, with nothing real behind it, so that the classes involved get into the class-data archive.
 * Run once when the libraries are put together; touches no file.
 */
final class ArchiveTraining {
    private ArchiveTraining() {}

    public static void main(String[] arguments) {
        PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream(), true, StandardCharsets.UTF_8);
        Program.run(new Session(new ProductionCollaborators(), new ProcessScreen(), new StopSignal(), System::nanoTime), "--version");
    }
}
