package virtshrink.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Pattern;
import org.slf4j.LoggerFactory;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.control.ControlClient;
import virtshrink.control.Request;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemState;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.image.ImageFormat;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;
import virtshrink.os.FileStatus;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.FileSize;
import virtshrink.shrink.FillProgress;
import virtshrink.shrink.FillReport;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.Phase;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkReport.FilesystemGain;
import virtshrink.shrink.ShrinkRequest;

/**
 * Goes through what the command line usually does, so that the classes involved get into the class-data archive. Started by the launcher when
 * that archive is written; works on invented disks, and on a small real one in the directory of runs that the launcher has named for this.
 */
final class ArchiveTraining {
    private static final Pattern RUN_CLASS = Pattern.compile(
            "virtshrink/(block|nbd|volume|filesystem|inspect|image|os|shrink|cli|job|json|history)/.*\\.class");

    private ArchiveTraining() {}

    public static void main(String[] arguments) {
        CommandLineLog.choose();
        LoggerFactory.getLogger(ArchiveTraining.class).debug("not shown");
        StopSignal stop = new StopSignal();
        stop.listen();
        Screen real = Session.ofProcess(stop).screen();
        Session session = new Session(new Invented(), new Nowhere(real.columns()), stop, System::nanoTime);
        for (String line : List.of(
                "--version",
                "--help",
                "image --help",
                "image --no-such-option",
                "inspect --json a.qcow2",
                "inspect a.qcow2",
                "estimate a.qcow2",
                "image --min-reclaim 1M --json a.qcow2",
                "image a.qcow2")) {
            Program.run(session, line.split(" "));
        }
        loadWhatRunsUse();
        Optional.ofNullable(System.getenv("VIRT_SHRINK_RUN_DIRECTORY"))
                .ifPresent(directory -> runOnSample(stop, Path.of(directory)));
        stop.finish(ExitCode.DONE.status());
    }

    private static void runOnSample(StopSignal stop, Path directory) {
        Screen nowhere = new Nowhere(80);
        Session session = new Session(new ProductionCollaborators(), nowhere, stop, System::nanoTime);
        try {
            new SampleRun(session, directory).run();
        } catch (IOException e) {
            throw new IllegalStateException("the sample cannot be made", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** The tools of a real run may be missing where the archive is written: what can be loaded without one is loaded so. */
    private static void loadWhatRunsUse() {
        try {
            Path place = Path.of(ArchiveTraining.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI());
            if (Files.isRegularFile(place)) {
                try (JarFile jar = new JarFile(place.toFile())) {
                    for (JarEntry entry : Collections.list(jar.entries())) {
                        if (RUN_CLASS.matcher(entry.getName()).matches()) {
                            String name = entry.getName().replace('/', '.').replaceAll("\\.class$", "");
                            Class.forName(name, false, ArchiveTraining.class.getClassLoader());
                        }
                    }
                }
            }
            FileStatus.of(Path.of("/"));
            JSON.std.mapFrom(JSON.std.asString(Map.of("a", List.of(1, "b", true))));
            new ProcessBuilder("true").start().waitFor();
        } catch (IOException | URISyntaxException | ClassNotFoundException e) {
            throw new IllegalStateException("the classes of a run cannot be loaded", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** One disk with one filesystem. */
    private static final class Invented implements Collaborators {
        private static final long SIZE = 1L << 30;

        @Override
        public DiskInspection inspect(Path image, ImageFormat format, boolean replayJournals) {
            return new DiskInspection(
                    SIZE,
                    "gpt",
                    List.of(new FilesystemFinding(
                            "sda1",
                            new ByteRange(1 << 20, 1 << 29),
                            new FilesystemIdentity("ext4", "root", "", 4096, 1 << 29),
                            new FilesystemState.FreeSpace(1 << 28, RangeSet.of(new ByteRange(0, 1 << 28))))),
                    Optional.empty());
        }

        @Override
        public ShrinkReport shrink(ShrinkRequest request, ProgressListener progress, Cancellation cancellation) {
            Map<Phase, Duration> phases = new EnumMap<>(Phase.class);
            for (Phase phase : Phase.values()) {
                progress.phaseBegan(phase);
                progress.advanced(SIZE / 2, SIZE);
                phases.put(phase, Duration.ofMillis(1500));
            }
            return new ShrinkReport(
                    request.image(),
                    Optional.empty(),
                    new FileSize(SIZE, SIZE),
                    new FileSize(SIZE / 2, SIZE / 2),
                    SIZE / 2,
                    Outcome.SHRUNK,
                    "",
                    phases,
                    Optional.of(inspect(request.image(), request.format(), request.replayJournals())),
                    List.of(new FilesystemGain("sda1", SIZE / 2)),
                    List.of("invented"));
        }

        @Override
        public List<ShrinkReport> shrinkTogether(
                List<ShrinkRequest> disks, ProgressListener progress, Cancellation cancellation) {
            return disks.stream()
                    .map(disk -> shrink(disk, progress, cancellation))
                    .toList();
        }

        @Override
        public FillReport fill(Path directory, boolean force, FillProgress progress, Cancellation cancellation) {
            return new FillReport(SIZE, 1);
        }

        @Override
        public Optional<ControlClient> daemon(Request request) {
            return Optional.empty();
        }

        @Override
        public Optional<String> remember(DiskRun run) {
            return Optional.empty();
        }

        @Override
        public Domains domains(String uri) {
            throw new UnsupportedOperationException("no domains in training");
        }
    }

    /** A capable terminal that nobody looks at. */
    private static final class Nowhere implements Screen {
        private final int columns;
        private final PrintStream nowhere =
                new PrintStream(OutputStream.nullOutputStream(), true, StandardCharsets.UTF_8);

        Nowhere(int columns) {
            this.columns = columns;
        }

        @Override
        public PrintStream out() {
            return nowhere;
        }

        @Override
        public PrintStream err() {
            return nowhere;
        }

        @Override
        public Style outStyle() {
            return new Style(Glyphs.UNICODE, true);
        }

        @Override
        public Style errStyle() {
            return outStyle();
        }

        @Override
        public boolean liveProgress() {
            return true;
        }

        @Override
        public int columns() {
            return columns;
        }
    }
}
