package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.image.ImageFormat;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.Phase;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.ShrinkRequest;
import virtshrink.shrink.Shrinker;

/**
 * With the hook installed, a guest starts in mid-run as if there were no run, on a whole image. The run's own thread is stuck in every one of
 * these moments until the guest has started.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 300, unit = TimeUnit.SECONDS)
class YieldingTest {
    private static final int ROUNDS = Integer.getInteger("virtshrink.yield.rounds", 2);
    /** What a run may add to a guest's start, in milliseconds. */
    private static final long ALLOWANCE = 2000;

    private static final String DOMAIN = "we're & <co>";
    private static final String[] SHRINK = {"domain", "--json", DOMAIN};

    @TempDir
    static Path directory;

    private DomainHost host;
    private DomainDiskFixture disks;
    private NavigableMap<String, String> tree;
    private Path pristine;
    private Path image;
    private final Map<String, List<Long>> latencies = new LinkedHashMap<>();

    @BeforeAll
    void startLibvirtd() throws IOException {
        host = DomainHost.start(directory);
        host.installHook();
        disks = DomainDiskFixture.in(host.images);
        tree = disks.tree();
        pristine = disks.qcow2("template/pristine.qcow2");
        image = Files.copy(pristine, host.images.resolve("a & b's.qcow2"));
        host.libvirtd.defineDomain(escaped(DOMAIN), fileDisk("vda", Path.of(escaped(image.toString())), "qcow2"));
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&apos;");
    }

    @AfterAll
    void stopLibvirtd() throws IOException {
        if (host != null) {
            host.close();
        }
        print();
    }

    /** What is normal changes with what else this machine does. */
    @BeforeEach
    void startWithoutARun() throws IOException {
        start("no run");
        destroy();
    }

    @AfterEach
    void noGuestIsLeft() throws IOException {
        if (!host.guest(DOMAIN).isEmpty()) {
            destroy();
        }
        Files.copy(pristine, image, StandardCopyOption.REPLACE_EXISTING);
    }

    /** Times of starts by moment, in milliseconds. */
    private void print() {
        StringBuilder table =
                new StringBuilder("%-40s %6s %8s %8s%n".formatted("virsh start, ms", "starts", "median", "most"));
        latencies.forEach((moment, millis) -> table.append(
                "%-40s %6d %8d %8d%n".formatted(moment, millis.size(), median(millis), Collections.max(millis))));
        System.out.println(table);
    }

    private static long median(List<Long> values) {
        return values.stream()
                .sorted()
                .skip((values.size() - 1) / 2)
                .findFirst()
                .orElseThrow();
    }

    /** Starts the guest, and judges and notes how long that took. */
    private void start(String moment) throws IOException {
        long began = System.nanoTime();
        host.libvirtd.virsh("start", DOMAIN);
        long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
        latencies.computeIfAbsent(moment, m -> new ArrayList<>()).add(millis);
        long most = Collections.max(latencies.get("no run")) + ALLOWANCE;
        assertTrue(millis <= most, () -> moment + ": the start took " + millis + " ms, allowed were " + most);
    }

    private CompletableFuture<Void> startMeanwhile(String moment) {
        return CompletableFuture.runAsync(() -> {
            try {
                start(moment);
            } catch (IOException problem) {
                throw new CompletionException(problem);
            }
        });
    }

    private void destroy() throws IOException {
        host.libvirtd.virsh("destroy", DOMAIN);
    }

    private void assertYielded(Cli.Result result) throws IOException {
        assertEquals(4, result.status(), result::toString);
        assertTrue(
                result.json().toString().contains("outcome=yielded, reason=a guest wants to start"), result::toString);
        assertEquals(-1, Files.mismatch(pristine, image), "the original was changed");
        assertGuestRunsOnAWholeImage();
    }

    private void assertGuestRunsOnAWholeImage() throws IOException {
        assertTrue(host.hasOpen(DOMAIN, image), "the guest does not run on " + image);
        destroy();
        assertNothingIsLeft();
        if (Files.mismatch(pristine, image) != -1) {
            assertEquals(tree, disks.tree(image, "qcow2"));
            Files.copy(pristine, image, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private void assertNothingIsLeft() throws IOException {
        assertEquals(List.of(), host.leftovers());
        assertEquals(List.of(), ownRuns());
    }

    /** Registered runs on the image of this test; others may be at work on this host. */
    private List<Path> ownRuns() throws IOException {
        List<Path> own = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(DomainHost.runs())) {
            for (Path run : all) {
                if (Files.readSymbolicLink(run.resolve("image")).startsWith(directory.toRealPath())) {
                    own.add(run);
                }
            }
        } catch (NoSuchFileException gone) {
            return ownRuns();
        }
        return own;
    }

    @ParameterizedTest
    @EnumSource(value = Phase.class, names = "JUDGE", mode = EnumSource.Mode.EXCLUDE)
    void inEveryPhase(Phase phase) throws IOException {
        String moment = "begin of " + phase.name().toLowerCase(Locale.ROOT);
        for (int i = 0; i < ROUNDS; i++) {
            assertYielded(host.at(phase, () -> start(moment)).run(SHRINK));
        }
    }

    @Test
    void inTheMiddleOfZeroing() throws IOException {
        for (int i = 0; i < ROUNDS; i++) {
            assertYielded(
                    host.during(Phase.ZERO, () -> start("qemu-nbd zeroing")).run(SHRINK));
        }
    }

    /** The tool is stopped with the image open, as one that waits for a slow disk. */
    @ParameterizedTest
    @ValueSource(strings = {"convert", "compare"})
    void whileAToolHangs(String command) throws IOException {
        Phase phase = command.equals("convert") ? Phase.REBUILD : Phase.VERIFY;
        for (int i = 0; i < ROUNDS; ) {
            StoppedTool tool = new StoppedTool("qemu-img\0" + command, image);
            List<CompletableFuture<Boolean>> starting = new ArrayList<>();
            Cli.Result result = host.at(phase, () -> {
                        Path run = ownRuns().get(0);
                        starting.add(CompletableFuture.supplyAsync(() -> stopAndStart(tool, run, command)));
                    })
                    .run(SHRINK);
            if (starting.get(0).join()) {
                assertYielded(result);
                i++;
            } else {
                // On a busy machine the tool may have come and gone unseen.
                Files.copy(pristine, image, StandardCopyOption.REPLACE_EXISTING);
            }
        }
    }

    private boolean stopAndStart(StoppedTool tool, Path run, String command) {
        try {
            if (!tool.stop(run)) {
                return false;
            }
            start("qemu-img " + command + " hanging");
            return true;
        } catch (IOException problem) {
            throw new CompletionException(problem);
        }
    }

    @Test
    void betweenTheLastQuestionAndThePointOfNoReturn() throws IOException {
        for (int i = 0; i < ROUNDS; i++) {
            assertYielded(
                    host.justBeforeTheSwap(() -> start("just before the swap")).run(SHRINK));
        }
    }

    /** While the hook runs, libvirt lets the run's question wait, so the run's thread sits in libvirt. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void whileTheRunAsksLibvirt(int time) throws IOException {
        for (int i = 0; i < ROUNDS; i++) {
            List<CompletableFuture<Void>> starting = new ArrayList<>();
            Cli.Result result = host.insideGuard(time, () -> {
                        starting.add(
                                startMeanwhile(time == 1 ? "first question to libvirt" : "last question to libvirt"));
                        awaitRequest(starting.get(0));
                    })
                    .run(SHRINK);
            starting.get(0).join();
            assertYielded(result);
        }
    }

    private void awaitRequest(CompletableFuture<Void> start) throws IOException {
        Path request = ownRuns().get(0).resolve("yield");
        while (!Files.exists(request)) {
            assertTrue(!start.isDone(), "the guest started without asking for its disk");
            LockSupport.parkNanos(100_000);
        }
    }

    @Test
    void pastThePointOfNoReturnTheGuestStartsOnTheNewImage() throws IOException {
        for (int i = 0; i < ROUNDS; i++) {
            List<CompletableFuture<Void>> starting = new ArrayList<>();
            Cli.Result result = host.pastThePointOfNoReturn(() -> {
                        starting.add(startMeanwhile("past the point of no return"));
                        awaitRequest(starting.get(0));
                    })
                    .run(SHRINK);
            starting.get(0).join();
            assertEquals(0, result.status(), result::toString);
            assertTrue(Files.mismatch(pristine, image) != -1, "the image was not replaced");
            assertGuestRunsOnAWholeImage();
        }
    }

    /** Whatever the moment, the guest starts; what became of the run depends on the moment. */
    @Test
    void atAnyMoment() throws IOException {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        Random random = new Random(seed);
        long began = System.nanoTime();
        assertEquals(0, host.run(SHRINK).status());
        long runNanos = System.nanoTime() - began;
        Files.copy(pristine, image, StandardCopyOption.REPLACE_EXISTING);
        for (int i = 0; i < 4 * ROUNDS; i++) {
            long delay = (long) (random.nextDouble() * runNanos);
            CompletableFuture<Void> starting = CompletableFuture.runAsync(
                            () -> {}, CompletableFuture.delayedExecutor(delay, TimeUnit.NANOSECONDS))
                    .thenCompose(now -> startMeanwhile("random moment"));
            Cli.Result result = host.run(SHRINK);
            starting.join();
            // 3: it came before the run was registered.
            assertTrue(List.of(0, 3, 4).contains(result.status()), result::toString);
            assertGuestRunsOnAWholeImage();
        }
    }

    @Test
    void aGuestGetsAllOfItsDisks() throws IOException {
        Path first = disks.qcow2("first.qcow2");
        Path second = disks.qcow2("second.qcow2");
        host.libvirtd.defineDomain("pair", fileDisk("vda", first, "qcow2"), fileDisk("vdb", second, "qcow2"));
        Cli.Result result = host.at(Phase.REBUILD, () -> host.libvirtd.virsh("start", "pair"))
                .run("domain", "--json", "pair");
        assertEquals(4, result.status(), result::toString);
        List<?> reported = (List<?>) result.json().get("disks");
        assertEquals(
                List.of("yielded", "yielded"),
                reported.stream().map(disk -> ((Map<?, ?>) disk).get("outcome")).toList());
        assertTrue(host.hasOpen("pair", first) && host.hasOpen("pair", second), "the guest lacks a disk");
        host.libvirtd.virsh("destroy", "pair");
        assertEquals(tree, disks.tree(first, "qcow2"));
        assertNothingIsLeft();
    }

    /** No domain is known to a run on a file; it is found by the path in the domain's XML. */
    @Test
    void aRunOnAFileGivesWayToTheGuestOfTheFile() throws IOException {
        Path link = Files.createSymbolicLink(host.images.resolve("link"), image);
        for (int i = 0; i < ROUNDS; i++) {
            var report =
                    new Shrinker().run(ShrinkRequest.of(link, ImageFormat.QCOW2), new AtVerify(), new Cancellation());
            assertEquals(Outcome.YIELDED, report.outcome(), report::reason);
            assertEquals(-1, Files.mismatch(pristine, image));
            assertGuestRunsOnAWholeImage();
        }
    }

    private final class AtVerify implements ProgressListener {
        @Override
        public void phaseBegan(Phase phase) {
            if (phase == Phase.VERIFY) {
                try {
                    start("run on the file");
                } catch (IOException problem) {
                    throw new AssertionError(problem);
                }
            }
        }

        @Override
        public void advanced(long doneBytes, long totalBytes) {}
    }
}
