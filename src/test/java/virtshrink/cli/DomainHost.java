package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import virtshrink.control.ControlClient;
import virtshrink.control.Request;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.image.ImageFormat;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.RunDirectory;
import virtshrink.inspect.DiskInspection;
import virtshrink.libvirt.Hypervisor;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.libvirt.PrivateLibvirtd;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.Cancellation.RunCancelledException;
import virtshrink.shrink.FillProgress;
import virtshrink.shrink.FillReport;
import virtshrink.shrink.Phase;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;
import virtshrink.shrink.ShrinkRequest.IdleGuard;

/**
 * A host with a libvirtd of its own on which the command line runs, in this process, with everything real. Something can be made to happen
 * in the middle of a run: in the run's own thread, so the run waits for it.
 */
final class DomainHost implements AutoCloseable {
    /**
     * The tracer stands aside (-D), so libvirt's child is QEMU itself. When libvirt only asks QEMU what it can do, it waits for all who hold
     * the pipe, so there is no tracer then. Only the main thread is traced, which opens and locks images: the one that talks with libvirt reads
     * byte by byte, and stopped at each of them (as with -f) it takes from seconds to minutes until the guest is up.
     */
    private static final String SLOW_EMULATOR = """
            #!/bin/sh
            for argument; do
                case $argument in guest=*) name=${argument#guest=}; name=${name%%,*} ;; esac
            done
            [ -z "$name" ] || set -- strace -D -qq $(cat "$0.$name") /usr/bin/qemu-system-x86_64 "$@"
            [ -n "$name" ] || set -- /usr/bin/qemu-system-x86_64 "$@"
            exec "$@"
            """;

    final PrivateLibvirtd libvirtd;
    final Path images;

    private final Map<Phase, Event> atBegin = new EnumMap<>(Phase.class);
    private final Map<Phase, Event> midway = new EnumMap<>(Phase.class);
    private Optional<Event> beforeRun = Optional.empty();
    private Optional<Event> afterLastGuard = Optional.empty();
    private final Map<Integer, Event> beforeGuard = new HashMap<>();
    private Optional<Event> pastNoReturn = Optional.empty();
    private Optional<Cancellation> current = Optional.empty();
    private final List<Throwable> failures = new ArrayList<>();
    private final ScheduledExecutorService starter = Executors.newScheduledThreadPool(2);

    private DomainHost(PrivateLibvirtd libvirtd, Path images) {
        this.libvirtd = libvirtd;
        this.images = images;
    }

    /** @param directory empty and short */
    static DomainHost start(Path directory) throws IOException {
        PrivateLibvirtd.assumePossible();
        Path images = Files.createDirectory(directory.resolve("images"));
        return new DomainHost(PrivateLibvirtd.start(Files.createDirectory(directory.resolve("d"))), images);
    }

    /** Something that happens in the middle of a run. */
    interface Event {
        void happen() throws Exception;
    }

    /** When the next run enters the phase. */
    DomainHost at(Phase phase, Event event) {
        atBegin.put(phase, event);
        return this;
    }

    /** When the next run reports progress within the phase for the first time. */
    DomainHost during(Phase phase, Event event) {
        midway.put(phase, event);
        return this;
    }

    /** When the domain has been judged, and nothing has been done yet. */
    DomainHost beforeTheRun(Event event) {
        beforeRun = Optional.of(event);
        return this;
    }

    /** When libvirt has said for the last time that the domain is idle, just before the swap. */
    DomainHost justBeforeTheSwap(Event event) {
        afterLastGuard = Optional.of(event);
        return this;
    }

    /** When the next run has begun to ask libvirt whether the domain is idle, for the first or second time, and libvirt has not heard it yet. */
    DomainHost insideGuard(int time, Event event) {
        beforeGuard.put(time, event);
        return this;
    }

    /** When the next run, on one disk, cannot be cancelled any more and has not replaced the image yet. */
    DomainHost pastThePointOfNoReturn(Event event) {
        pastNoReturn = Optional.of(event);
        return this;
    }

    /** Runs {@code virt-shrink} with these arguments on this host's libvirtd. */
    Cli.Result run(String... arguments) {
        List<String> all = new ArrayList<>(List.of(arguments));
        all.addAll(List.of("--connect", libvirtd.uri()));
        TestScreen screen = new TestScreen(false);
        Session session = new Session(new Observed(), screen, new StopSignal(), System::nanoTime);
        int status = Program.run(session, all.toArray(String[]::new));
        assertEquals(List.of(), failures);
        atBegin.clear();
        midway.clear();
        beforeRun = Optional.empty();
        afterLastGuard = Optional.empty();
        beforeGuard.clear();
        pastNoReturn = Optional.empty();
        return new Cli.Result(status, screen.outText(), screen.errText());
    }

    /** Names of files that runs have left beside the images. */
    List<String> leftovers() throws IOException {
        try (Stream<Path> files = Files.walk(images)) {
            return files.map(file -> String.valueOf(file.getFileName()))
                    .filter(name -> name.contains(".virt-shrink-"))
                    .toList();
        }
    }

    /** The QEMU processes of this libvirtd's domain: one if it runs, none if not. */
    List<ProcessHandle> guest(String domain) {
        return libvirtd.processes()
                .filter(process -> {
                    String line = process.info().commandLine().orElse("");
                    return process.info().command().orElse("").contains("qemu-system")
                            && line.contains("guest=" + domain + ",");
                })
                .toList();
    }

    /**
     * Gives the domain an emulator that is slow where strace is told to make it slow.
     *
     * @param slow what happens to its system calls that concern the image: {@code fcntl:delay_enter=4000000:when=1}, in microseconds
     */
    void slowEmulator(String domain, Path image, String slow) throws IOException {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/strace")), "needs /usr/bin/strace (package strace)");
        Path emulator = images.resolveSibling("slow-qemu");
        if (!Files.exists(emulator)) {
            Files.writeString(emulator, SLOW_EMULATOR);
            Files.setPosixFilePermissions(emulator, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
        String call = slow.substring(0, slow.indexOf(':'));
        Files.writeString(
                emulator.resolveSibling("slow-qemu." + domain),
                "-o %s.log -P %s -e trace=%s -e inject=%s".formatted(emulator, image, call, slow));
        Path xml = Files.writeString(
                images.resolveSibling(domain + ".xml"),
                libvirtd.virsh("dumpxml", "--inactive", domain)
                        .replace("/usr/bin/qemu-system-x86_64", emulator.toString()));
        libvirtd.virsh("define", xml.toString());
    }

    /** As an administrator would, except that processes and runs are seen from inside this libvirtd's namespaces. */
    void installHook() throws IOException {
        Path hooks = Files.createDirectories(libvirtd.hooksDirectory().resolve("qemu.d"));
        String script = Files.readString(Path.of("packaging/libvirt-hook/virt-shrink"))
                .replace("\nproc=/proc\n", "\nproc=" + libvirtd.outerProcesses() + "\n")
                .replace(":-/run/virt-shrink}", ":-" + runsFromInside() + "}");
        Path hook = Files.writeString(hooks.resolve("virt-shrink"), script);
        Files.setPosixFilePermissions(hook, PosixFilePermissions.fromString("rwxr-xr-x"));
        libvirtd.restart();
    }

    /** Where runs of this process are registered. */
    static Path runs() throws IOException {
        RunDirectory.standard();
        return Optional.ofNullable(System.getenv("VIRT_SHRINK_RUN_DIRECTORY"))
                .map(Path::of)
                .orElse(Path.of("/run/virt-shrink"));
    }

    private Path runsFromInside() throws IOException {
        Path runs = runs();
        return runs.startsWith("/run")
                ? libvirtd.outerRunDirectory().resolve(Path.of("/run").relativize(runs))
                : runs;
    }

    /** Starts the domain and returns when its QEMU has the image open, however long the rest takes. */
    Future<?> startUntilOpen(String domain, Path image) throws IOException {
        Future<?> start = starter.submit(() -> libvirtd.virsh("start", domain));
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!hasOpen(domain, image)) {
            if (start.isDone() || System.nanoTime() - deadline > 0) {
                throw new IOException("the guest did not come to open its disk");
            }
        }
        return start;
    }

    /** Does something beside the next run. */
    <T> Future<T> later(long delayMillis, Callable<T> action) {
        return starter.schedule(action, delayMillis, TimeUnit.MILLISECONDS);
    }

    /** Ends the guest as a crash of QEMU would. */
    void killGuest(String domain) {
        guest(domain).forEach(ProcessHandle::destroyForcibly);
    }

    /** Whether the running domain has exactly the file open that the path leads to now. */
    boolean hasOpen(String domain, Path image) throws IOException {
        for (ProcessHandle process : guest(domain)) {
            try (Stream<Path> descriptors = Files.list(Path.of("/proc/" + process.pid() + "/fd"))) {
                for (Path descriptor : descriptors.toList()) {
                    if (Files.exists(descriptor) && Files.isSameFile(descriptor, image)) {
                        return true;
                    }
                }
            } catch (NoSuchFileException | UncheckedIOException ended) {
                return false;
            }
        }
        return false;
    }

    @Override
    public void close() throws IOException {
        starter.shutdownNow();
        libvirtd.close();
    }

    private void happen(Optional<Event> event) {
        if (event.isPresent()) {
            try {
                event.get().happen();
            } catch (Exception | AssertionError failure) {
                failures.add(failure);
            }
        }
    }

    /** The production's, watched. */
    private final class Observed implements Collaborators {
        private final Collaborators real = new ProductionCollaborators();

        @Override
        public DiskInspection inspect(Path image, ImageFormat format, boolean replayJournals)
                throws IOException, ImageRefusedException {
            return real.inspect(image, format, replayJournals);
        }

        @Override
        public ShrinkReport shrink(ShrinkRequest request, ProgressListener progress, Cancellation cancellation) {
            return real.shrink(request, progress, cancellation);
        }

        @Override
        public List<ShrinkReport> shrinkTogether(
                List<ShrinkRequest> disks, ProgressListener progress, Cancellation cancellation) {
            happen(beforeRun);
            if (disks.size() == 1) {
                current = Optional.of(cancellation);
                return List.of(real.shrink(observed(disks.get(0)), new Listener(progress), cancellation));
            }
            return real.shrinkTogether(
                    disks.stream().map(this::observed).toList(), new Listener(progress), cancellation);
        }

        @Override
        public FillReport fill(Path directory, boolean force, FillProgress progress, Cancellation cancellation)
                throws IOException, RunCancelledException {
            throw new UnsupportedOperationException("no part of these tests");
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
        public Domains domains(String uri) throws LibvirtUnavailableException {
            return uri.equals(libvirtd.uri())
                    ? new LibvirtDomains(Hypervisor.open(uri), libvirtd.domainLogDirectory())
                    : real.domains(uri);
        }

        private ShrinkRequest observed(ShrinkRequest request) {
            return request.withGuard(new Guard(request.guard()));
        }
    }

    private final class Guard implements IdleGuard {
        private final IdleGuard real;
        private int asked;

        Guard(IdleGuard real) {
            this.real = real;
        }

        @Override
        public Optional<String> domain() {
            return real.domain();
        }

        @Override
        public Optional<String> whyNotNow() {
            asked++;
            happen(Optional.ofNullable(beforeGuard.remove(asked)));
            Optional<String> answer = real.whyNotNow();
            if (asked == 2 && answer.isEmpty()) {
                happen(afterLastGuard);
                happen(pastNoReturn.map(event -> () -> {
                    current.orElseThrow().passPointOfNoReturn();
                    event.happen();
                }));
            }
            return answer;
        }
    }

    private final class Listener implements ProgressListener {
        private final ProgressListener shown;
        private Phase current = Phase.JUDGE;

        Listener(ProgressListener shown) {
            this.shown = shown;
        }

        @Override
        public void phaseBegan(Phase phase) {
            current = phase;
            shown.phaseBegan(phase);
            happen(Optional.ofNullable(atBegin.remove(phase)));
        }

        @Override
        public void advanced(long doneBytes, long totalBytes) {
            shown.advanced(doneBytes, totalBytes);
            happen(Optional.ofNullable(midway.remove(current)));
        }
    }
}
