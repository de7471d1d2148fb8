package virtshrink.daemon;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import virtshrink.block.ByteRange;
import virtshrink.config.LimitSettings;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemState;
import virtshrink.image.ImageFormat;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;
import virtshrink.libvirt.DiskHost;
import virtshrink.libvirt.DiskSource;
import virtshrink.libvirt.DiskVerdict;
import virtshrink.libvirt.DomainDisk;
import virtshrink.libvirt.DomainRecord;
import virtshrink.libvirt.DomainState;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.libvirt.SilentDiskHost;
import virtshrink.libvirt.StatedBacking;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.FileSize;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.Phase;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;

/** Domains that are files of a few bytes, and a pipeline that only pretends; a file's text is what could be reclaimed from it. */
final class FakeHost implements Domains.Source, Workshop.DiskRunner {
    private final Path directory;
    private final Map<String, DomainVerdict> domains = Collections.synchronizedMap(new LinkedHashMap<>());

    /** What was asked of the pipeline: {@code name} or {@code name?} for an estimate. */
    final List<String> runs = Collections.synchronizedList(new ArrayList<>());

    /** Pool refreshes. */
    final List<Path> refreshed = Collections.synchronizedList(new ArrayList<>());

    /** Called during each run with its name, before it ends. */
    Consumer<String> duringRun = run -> {};

    /** How many of the next questions fail because the connection is broken, and how many of the next attempts to connect. */
    final AtomicInteger brokenQuestions = new AtomicInteger();

    final AtomicInteger refusedConnections = new AtomicInteger();
    final AtomicInteger connections = new AtomicInteger();
    final AtomicInteger closed = new AtomicInteger();

    /** Called for each of the questions that fail. */
    Runnable onBrokenQuestion = () -> {};

    FakeHost(Path directory) {
        this.directory = directory;
    }

    /** On a host with nothing to do. */
    static GoodNeighbour neighbour(int disks, int disksPerDevice) {
        LimitSettings standard = LimitSettings.STANDARD;
        HostLoad none = new HostLoad() {
            @Override
            public OptionalDouble perProcessor() {
                return OptionalDouble.of(0);
            }

            @Override
            public OptionalDouble ioPressure() {
                return OptionalDouble.of(0);
            }
        };
        return new GoodNeighbour(
                new LimitSettings(
                        disks,
                        disksPerDevice,
                        standard.ioRate(),
                        standard.reserve(),
                        standard.maxLoad(),
                        standard.maxIoPressure()),
                none,
                Duration.ofMillis(1));
    }

    /** Adds a domain with one disk for each gain. */
    void add(String name, long... gains) throws IOException {
        addIn(directory, name, gains);
    }

    /** The same with its disks in another directory. */
    void addIn(Path place, String name, long... gains) throws IOException {
        List<DiskVerdict> disks = new ArrayList<>();
        for (int i = 0; i < gains.length; i++) {
            String target = "vd" + (char) ('a' + i);
            Path image = place.resolve(name + "-" + target);
            Files.writeString(image, Long.toString(gains[i]));
            ShrinkRequest plain = ShrinkRequest.of(image, ImageFormat.QCOW2);
            disks.add(new DiskVerdict.Eligible(disk(target, image), withTarget(plain, target), List.of()));
        }
        domains.put(name, new DomainVerdict(domain(name), Optional.empty(), disks, List.of()));
    }

    void addRefused(String name, String reason) {
        DiskVerdict disk = new DiskVerdict.Refused(disk("vda", directory.resolve(name)), reason);
        domains.put(name, new DomainVerdict(domain(name), Optional.of(reason), List.of(disk), List.of()));
    }

    void remove(String name) {
        domains.remove(name);
    }

    Path image(String name, String target) {
        return directory.resolve(name + "-" + target);
    }

    private static ShrinkRequest withTarget(ShrinkRequest plain, String target) {
        return plain.changed().target(Optional.of(target)).build();
    }

    private static DomainRecord domain(String name) {
        return new DomainRecord(
                name,
                UUID.nameUUIDFromBytes(name.getBytes(java.nio.charset.StandardCharsets.UTF_8)),
                Optional.empty(),
                DomainState.SHUT_OFF,
                Optional.empty(),
                false,
                0,
                0,
                true,
                "<domain/>",
                List.of(),
                List.of());
    }

    private static DomainDisk disk(String target, Path image) {
        return new DomainDisk(
                target,
                "disk",
                new DiskSource.ImageFile(image),
                new DomainDisk.Location.Found(image),
                Optional.of("qcow2"),
                List.of(),
                Optional.empty(),
                512,
                new StatedBacking.Unstated(),
                List.of());
    }

    @Override
    public Domains open(String uri) throws LibvirtUnavailableException {
        connections.incrementAndGet();
        if (isDue(refusedConnections)) {
            throw new LibvirtUnavailableException("nobody answers");
        }
        return new Connection();
    }

    private static boolean isDue(AtomicInteger faults) {
        return faults.getAndUpdate(left -> Math.max(0, left - 1)) > 0;
    }

    private void requireWhole() throws LibvirtUnavailableException {
        if (isDue(brokenQuestions)) {
            onBrokenQuestion.run();
            throw new LibvirtUnavailableException("the connection is broken");
        }
    }

    private final class Connection implements Domains {
        @Override
        public List<DomainVerdict> all() throws LibvirtUnavailableException {
            requireWhole();
            synchronized (domains) {
                return List.copyOf(domains.values());
            }
        }

        @Override
        public Optional<DomainVerdict> named(String nameOrUuid) throws LibvirtUnavailableException {
            requireWhole();
            synchronized (domains) {
                return domains.values().stream()
                        .filter(verdict -> List.of(
                                        verdict.domain().uuid().toString(),
                                        verdict.domain().name())
                                .contains(nameOrUuid))
                        .findFirst();
            }
        }

        @Override
        public Optional<String> whyNotIdle(String nameOrUuid) throws LibvirtUnavailableException {
            requireWhole();
            DomainVerdict known = domains.get(nameOrUuid);
            return known == null ? Optional.of("it is no longer defined") : known.refusal();
        }

        @Override
        public Map<String, Path> poolDirectories() {
            return Map.of();
        }

        @Override
        public void changed(Path image) {
            refreshed.add(image);
        }

        @Override
        public DiskHost diskHost() {
            return new SilentDiskHost();
        }

        @Override
        public void close() {
            closed.incrementAndGet();
        }
    }

    @Override
    public List<ShrinkReport> run(List<ShrinkRequest> disks, ProgressListener progress, Cancellation cancellation) {
        return disks.stream().map(disk -> run(disk, progress, cancellation)).toList();
    }

    private ShrinkReport run(ShrinkRequest disk, ProgressListener progress, Cancellation cancellation) {
        String name = disk.image().getFileName() + (disk.dryRun() ? "?" : "");
        runs.add(name);
        progress.phaseBegan(Phase.ESTIMATE);
        duringRun.accept(name);
        if (cancellation.reason().isPresent()) {
            return report(disk, 0, 0, Outcome.YIELDED, cancellation.reason().get());
        }
        try {
            long gain = Long.parseLong(Files.readString(disk.image()));
            if (disk.dryRun() || !disk.minimumGain().isMetBy(gain, 1000)) {
                return report(disk, gain, 0, Outcome.NOTHING_TO_GAIN, "");
            }
            Files.delete(disk.image());
            Files.writeString(disk.image(), "0");
            return report(disk, gain, gain, Outcome.SHRUNK, "");
        } catch (IOException e) {
            return report(disk, 0, 0, Outcome.FAILED, e.toString());
        }
    }

    /** What a disk is found to be on which a filesystem without a reader may be mounted. */
    private static final DiskInspection CLOSED = new DiskInspection(
            1000,
            "none",
            List.of(new FilesystemFinding(
                    "vda",
                    new ByteRange(0, 1000),
                    FilesystemIdentity.ofType("jfs"),
                    new FilesystemState.Unsupported("jfs is not supported", true))),
            Optional.empty());

    private static ShrinkReport report(ShrinkRequest disk, long gain, long given, Outcome outcome, String reason) {
        return new ShrinkReport(
                disk.image(),
                disk.target(),
                new FileSize(1000, 1000),
                new FileSize(1000 - given, 1000 - given),
                gain,
                outcome,
                reason,
                Map.of(Phase.ESTIMATE, Duration.ofMillis(1)),
                Optional.of(disk.image())
                        .filter(image -> String.valueOf(image.getFileName()).startsWith("mountable"))
                        .map(image -> CLOSED),
                List.of(),
                List.of());
    }
}
