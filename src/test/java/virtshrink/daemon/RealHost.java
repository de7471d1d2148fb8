package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import virtshrink.history.History;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryReader;
import virtshrink.libvirt.Hypervisor;
import virtshrink.libvirt.Patience;
import virtshrink.libvirt.PrivateLibvirtd;
import virtshrink.schedule.Schedule;
import virtshrink.schedule.Selection;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.OriginalsPolicy;
import virtshrink.shrink.Phase;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.Shrinker;

/** What the daemon works with, in this process and all real: a libvirtd, a history, the pipeline. Tells of each phase of each run. */
final class RealHost implements AutoCloseable {
    final PrivateLibvirtd libvirtd;
    final Path images;
    final CurrentWork current = new CurrentWork();

    /** By which everything happens. */
    Clock clock = Clock.tickMillis(ZoneOffset.UTC);

    /** Called in the run's own thread when a phase of a run that is not only an estimate begins. */
    Consumer<Phase> atPhase = phase -> {};

    /** Likewise of an estimate. */
    Consumer<Phase> atPhaseOfEstimate = phase -> {};

    private final Path historyDirectory;
    private final History history;
    private final Patience patience = Patience.standard();

    private RealHost(PrivateLibvirtd libvirtd, Path images, Path historyDirectory) throws IOException {
        this.libvirtd = libvirtd;
        this.images = images;
        this.historyDirectory = historyDirectory;
        this.history = History.open(historyDirectory);
    }

    /** @param directory empty and short */
    static RealHost start(Path directory) throws IOException {
        PrivateLibvirtd.assumePossible();
        Path images = Files.createDirectory(directory.resolve("images"));
        return new RealHost(
                PrivateLibvirtd.start(Files.createDirectory(directory.resolve("d"))),
                images,
                directory.resolve("history"));
    }

    Workshop workshop() {
        return new Workshop(
                uri -> new LibvirtDomains(Hypervisor.open(uri, patience), libvirtd.domainLogDirectory()),
                (disks, progress, cancellation) -> new Shrinker()
                        .runTogether(
                                disks,
                                new Listener(disks.get(0).dryRun() ? atPhaseOfEstimate : atPhase, progress),
                                cancellation),
                history,
                clock,
                current,
                FakeHost.neighbour(1, 1),
                line -> {});
    }

    /** A schedule for everything, with a threshold of one mebibyte. */
    static Schedule schedule() {
        return new Schedule(
                "nightly",
                "0 30 1 * * ?",
                ZoneId.of("UTC"),
                Optional.empty(),
                Duration.ZERO,
                true,
                Optional.empty(),
                Selection.ALL,
                new MinimumGain(1 << 20, 0),
                Duration.ZERO,
                Duration.ZERO,
                false,
                false,
                false,
                OriginalsPolicy.STANDARD);
    }

    /** One night; the entries of its history. */
    List<HistoryEntry> night() throws IOException {
        return night(workshop());
    }

    /** The same with another workshop. */
    List<HistoryEntry> night(Workshop workshop) throws IOException {
        int before = entries().size();
        new Night(workshop, libvirtd.uri(), schedule(), Instant.now()).run();
        List<HistoryEntry> all = entries();
        return all.subList(before, all.size());
    }

    List<HistoryEntry> entries() throws IOException {
        List<HistoryEntry> found = new ArrayList<>();
        HistoryReader.read(historyDirectory, found::add);
        return found;
    }

    /** No run has left anything beside the images. */
    void assertNothingIsLeft() throws IOException {
        try (Stream<Path> files = Files.walk(images)) {
            assertEquals(
                    List.of(),
                    files.map(file -> String.valueOf(file.getFileName()))
                            .filter(name -> name.contains(".virt-shrink-"))
                            .toList());
        }
    }

    @Override
    public void close() throws IOException {
        history.close();
        libvirtd.close();
    }

    private static final class Listener implements ProgressListener {
        private final Consumer<Phase> told;
        private final ProgressListener shown;

        Listener(Consumer<Phase> told, ProgressListener shown) {
            this.told = told;
            this.shown = shown;
        }

        @Override
        public void phaseBegan(Phase phase) {
            shown.phaseBegan(phase);
            told.accept(phase);
        }

        @Override
        public void advanced(long doneBytes, long totalBytes) {
            shown.advanced(doneBytes, totalBytes);
        }
    }
}
