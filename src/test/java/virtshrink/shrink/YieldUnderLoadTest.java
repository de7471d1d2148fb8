package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.image.LoweredThread;
import virtshrink.image.Pace;
import virtshrink.os.Hosts;

/** A run that gets only what others leave must still make way at once, also when they leave it nothing. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class YieldUnderLoadTest {
    @TempDir
    Path directory;

    private final List<Process> hogs = new ArrayList<>();

    @BeforeAll
    static void tools() {
        GuestDisk.assumeTools();
        assumeTrue(Hosts.effectiveUid() == 0, "only root may raise a priority again");
    }

    @AfterEach
    void calm() {
        hogs.forEach(Process::destroyForcibly);
    }

    /** Two for each processor, of normal priority. */
    private void keepProcessorsBusy() throws IOException {
        for (int i = 0; i < 2 * Runtime.getRuntime().availableProcessors(); i++) {
            hogs.add(new ProcessBuilder("/bin/sh", "-c", "while :; do :; done").start());
        }
    }

    private static ProgressListener whenCopying(CountDownLatch copying) {
        return new ProgressListener() {
            private Phase phase = Phase.JUDGE;

            @Override
            public void phaseBegan(Phase begun) {
                phase = begun;
            }

            @Override
            public void advanced(long doneBytes, long totalBytes) {
                if (phase == Phase.REBUILD) {
                    copying.countDown();
                }
            }
        };
    }

    @Test
    void makesWayAtOnce() throws Exception {
        Path image = GuestDisk.shared()
                .imageIn(Files.createDirectory(directory.resolve("images")).resolve("disk.qcow2"), "qcow2");
        Path runs = directory.resolve("runs");
        CountDownLatch copying = new CountDownLatch(1);
        TestRun run = new TestRun(runs, image)
                .restraint(new Restraint(SpaceReserve.STANDARD, new Pace(OptionalLong.of(4 << 20), true)))
                .progress(whenCopying(copying));
        AtomicReference<ShrinkReport> report = new AtomicReference<>();
        Thread worker = new Thread(() -> {
            LoweredThread lowered = LoweredThread.lower();
            try {
                run.cancellation.onCancel(lowered::restore);
                report.set(run.run());
            } catch (IOException problem) {
                throw new AssertionError(problem);
            }
        });
        worker.start();
        assertTrue(copying.await(60, TimeUnit.SECONDS));
        keepProcessorsBusy();
        Path directoryOfRun;
        try (Stream<Path> all = Files.list(runs)) {
            directoryOfRun = all.findAny().orElseThrow();
        }

        long asked = System.nanoTime();
        Files.createFile(directoryOfRun.resolve("yield"));
        Waiting.until(
                "the run answers",
                () -> Files.exists(directoryOfRun.resolve("yielded")) || !Files.exists(directoryOfRun));
        Duration answered = Duration.ofNanos(System.nanoTime() - asked);
        worker.join();
        Duration cleanedUp = Duration.ofNanos(System.nanoTime() - asked);

        assertEquals(Outcome.YIELDED, report.get().outcome());
        run.requireNothingLeft();
        assertTrue(answered.toMillis() < 1000, () -> "answered after " + answered.toMillis() + " ms");
        assertTrue(cleanedUp.toMillis() < 4000, () -> "cleaned up after " + cleanedUp.toMillis() + " ms");
    }
}
