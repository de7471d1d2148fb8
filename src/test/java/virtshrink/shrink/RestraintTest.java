package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.image.ImageFormat;
import virtshrink.image.Pace;
import virtshrink.os.Hosts;

/** A run as the daemon makes it: slowly and in the background. What the kernel says of its processes and threads counts. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class RestraintTest {
    private static final Restraint DAEMONS =
            new Restraint(SpaceReserve.STANDARD, new Pace(OptionalLong.of(24 << 20), true));

    @TempDir
    Path directory;

    private Path image;
    private final Map<String, Integer> niceness = new TreeMap<>();
    private boolean captured;

    @BeforeAll
    static void tools() {
        GuestDisk.assumeTools();
        assumeTrue(Hosts.effectiveUid() == 0, "only root may raise a priority again");
    }

    @BeforeEach
    void makeImage() throws IOException {
        image = GuestDisk.shared()
                .imageIn(Files.createDirectory(directory.resolve("images")).resolve("disk.qcow2"), "qcow2");
    }

    /** Name and nice value of a task, by fields 2 and 19 of proc(5). */
    private void note(Path task) {
        try {
            String stat = Files.readString(task.resolve("stat"), StandardCharsets.ISO_8859_1);
            String name = stat.substring(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
            niceness.merge(name.startsWith("yield-") ? "yield" : name, Integer.parseInt(fields[16]), Math::min);
        } catch (IOException ended) {
            // Threads come and go.
        }
    }

    private void noteTasks(Path tasks) throws IOException {
        try (Stream<Path> found = Files.list(tasks)) {
            found.forEach(this::note);
        }
    }

    private void capture() throws IOException {
        for (long child : Waiting.childrenNaming(directory)) {
            noteTasks(Path.of("/proc/" + child + "/task"));
        }
        noteTasks(Path.of("/proc/self/task"));
        captured = true;
    }

    /** Looks in the middle of the copy, from the thread that hears of its progress. */
    private ProgressListener looking(Cancellation cancellation, boolean thenCancel) {
        return new ProgressListener() {
            private Phase phase = Phase.JUDGE;

            @Override
            public void phaseBegan(Phase begun) {
                phase = begun;
            }

            @Override
            public void advanced(long doneBytes, long totalBytes) {
                if (phase == Phase.REBUILD && !captured) {
                    try {
                        capture();
                    } catch (IOException problem) {
                        throw new AssertionError(problem);
                    }
                    if (thenCancel) {
                        cancellation.cancel("enough");
                    }
                }
            }
        };
    }

    private ShrinkReport runInNamedThread(boolean cancelled) throws Exception {
        ShrinkReport[] report = new ShrinkReport[1];
        Cancellation cancellation = new Cancellation();
        Thread worker = new Thread(
                () -> report[0] = new Shrinker(DAEMONS)
                        .run(
                                ShrinkRequest.of(image, ImageFormat.QCOW2),
                                looking(cancellation, cancelled),
                                cancellation),
                "the worker");
        worker.start();
        worker.join();
        return report[0];
    }

    @Test
    void toolsAndWorkerStandBackButWhatYieldsDoesNot() throws Exception {
        ShrinkReport report = runInNamedThread(false);
        assertEquals(Outcome.SHRUNK, report.outcome(), report::reason);
        assertTrue(captured);
        assertEquals(19, niceness.get("qemu-img"), niceness::toString);
        assertEquals(10, niceness.get("the worker"), niceness::toString);
        assertEquals(0, niceness.get("yield"), niceness::toString);
        assertEquals(0, niceness.get("child-starter"), niceness::toString);
    }

    @Test
    void whoIsCancelledIsInAHurry() throws Exception {
        ShrinkReport report = runInNamedThread(true);
        assertEquals(Outcome.YIELDED, report.outcome(), report::reason);
        assertFalse(Waiting.childrenNaming(directory).stream().findAny().isPresent());
        assertEquals(19, niceness.get("qemu-img"), niceness::toString);
    }

    @Test
    void theCommandLineTakesItsTurnLikeAnyOther() throws Exception {
        Cancellation cancellation = new Cancellation();
        ShrinkReport report = new Shrinker()
                .run(ShrinkRequest.of(image, ImageFormat.QCOW2), looking(cancellation, false), cancellation);
        assertEquals(Outcome.SHRUNK, report.outcome(), report::reason);
        assertTrue(niceness.values().stream().noneMatch(nice -> nice == 19), niceness::toString);
    }
}
