package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ExternalTool;
import virtshrink.shrink.ShrinkRequest.IdleGuard;

/** A run that is asked for its image gives it back at once, while its own thread is stuck wherever it is, and never replaces it afterwards. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class YieldTest {
    private static final String REASON = "a guest wants to start";

    @TempDir
    Path directory;

    private Path runs;
    private Path image;
    private String original;
    private final List<String> seen = new ArrayList<>();

    @BeforeAll
    static void tools() {
        GuestDisk.assumeTools();
    }

    @BeforeEach
    void makeImage() throws IOException {
        runs = directory.resolve("runs");
        image = GuestDisk.shared()
                .imageIn(Files.createDirectory(directory.resolve("images")).resolve("disk.qcow2"), "qcow2");
        original = FileProperties.sha256(image) + FileProperties.inode(image);
    }

    private TestRun run() {
        return new TestRun(runs, image);
    }

    private Path onlyRun() throws IOException {
        try (Stream<Path> all = Files.list(runs)) {
            List<Path> found = all.toList();
            assertEquals(1, found.size(), found::toString);
            return found.get(0);
        }
    }

    private boolean canBeWritten() throws IOException {
        return ExternalTool.attempt("", "qemu-io", "-f", "qcow2", "-c", "read 0 1", image.toString())
                        .exitCode()
                == 0;
    }

    /** What the hook does, but in the run's own thread, which therefore does nothing else. */
    private void ask() throws IOException {
        Path run = onlyRun();
        Files.createFile(run.resolve("yield"));
        Waiting.until("the run answers", () -> Files.exists(run.resolve("yielded")));
        assertEquals(List.of(), Waiting.childrenNaming(directory));
        assertTrue(canBeWritten(), "the image is locked although it was given back");
        seen.add("answered");
    }

    private void requireYielded(TestRun run) throws IOException {
        assertEquals(REASON, run.expect(Outcome.YIELDED).reason());
        assertEquals(List.of("answered"), seen);
        assertEquals(original, FileProperties.sha256(image) + FileProperties.inode(image));
        run.requireNothingLeft();
    }

    @ParameterizedTest
    @EnumSource(value = Phase.class, names = "JUDGE", mode = EnumSource.Mode.EXCLUDE)
    void inEveryPhase(Phase phase) throws IOException {
        TestRun run = run().when(phase, () -> {
            assertFalse(canBeWritten(), "the image is not locked");
            ask();
        });
        requireYielded(run);
    }

    /** Whoever reads a disk without its server being killed, as in place, ends at the next read all the same. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anInspectionEndsAtItsNextRead(boolean inPlace) throws IOException {
        List<Phase> phases = new ArrayList<>();
        TestRun run = run();
        if (inPlace) {
            run.inPlace();
        }
        run.progress(TestRun.phases(phase -> {
            phases.add(phase);
            if (phase == Phase.INSPECT) {
                run.cancellation.cancel(REASON);
            }
        }));
        assertEquals(REASON, run.expect(Outcome.YIELDED).reason());
        assertEquals(List.of(Phase.JUDGE, Phase.ATTACH, Phase.INSPECT), phases);
        assertEquals(original, FileProperties.sha256(image) + FileProperties.inode(image));
        run.requireNothingLeft();
    }

    @Test
    void inTheMiddleOfZeroing() throws IOException {
        requireYielded(run().progress(new ProgressListener() {
            private Phase current = Phase.JUDGE;

            @Override
            public void phaseBegan(Phase phase) {
                current = phase;
            }

            @Override
            public void advanced(long doneBytes, long totalBytes) {
                if (current == Phase.ZERO && seen.isEmpty()) {
                    try {
                        ask();
                    } catch (IOException problem) {
                        throw new AssertionError(problem);
                    }
                }
            }
        }));
    }

    /** The first question comes before the lock: what is answered here must not be locked later. */
    @ParameterizedTest
    @EnumSource(Moment.class)
    void whileTheGuardIsAsked(Moment moment) throws IOException {
        requireYielded(run().guard(new AskedGuard(moment, Optional.empty())));
    }

    /** The guest that was let in is running when libvirt answers at last. */
    @ParameterizedTest
    @EnumSource(Moment.class)
    void aGuardThatObjectsAfterwardsChangesNothing(Moment moment) throws IOException {
        requireYielded(run().guard(new AskedGuard(moment, Optional.of("the domain web is running"))));
    }

    enum Moment {
        BEFORE_THE_LOCK(1),
        BEFORE_THE_SWAP(2);

        /** Which of the questions it is. */
        private final int question;

        Moment(int question) {
            this.question = question;
        }
    }

    private final class AskedGuard implements IdleGuard {
        private final Moment moment;
        private final Optional<String> objection;
        private int count;

        AskedGuard(Moment moment, Optional<String> objection) {
            this.moment = moment;
            this.objection = objection;
        }

        @Override
        public Optional<String> whyNotNow() {
            count++;
            if (count != moment.question) {
                return Optional.empty();
            }
            try {
                ask();
            } catch (IOException problem) {
                throw new AssertionError(problem);
            }
            return objection;
        }
    }

    @Test
    void pastThePointOfNoReturnItAnswersWhenTheNewImageCanBeUsed() throws Exception {
        TestRun run = run();
        List<Thread> asking = new ArrayList<>();
        List<Boolean> writable = new ArrayList<>();
        run.guard(() -> {
            seen.add("asked");
            if (seen.size() == 2) {
                try {
                    run.cancellation.passPointOfNoReturn();
                    Path only = onlyRun();
                    Files.createFile(only.resolve("yield"));
                    Thread thread = new Thread(() -> {
                        Waiting.quietlyUntil(
                                () -> !Files.exists(only.resolve("yield")) || Files.exists(only.resolve("yielded")));
                        Waiting.quietlyUntil(() -> writable.add(canBeWritten()));
                    });
                    asking.add(thread);
                    thread.start();
                } catch (IOException | Cancellation.RunCancelledException problem) {
                    throw new AssertionError(problem);
                }
            }
            return Optional.empty();
        });

        run.expect(Outcome.SHRUNK);

        asking.get(0).join();
        assertEquals(List.of(true), writable);
        GuestDisk.shared().requireSameIn(image, "qcow2");
        run.requireNothingLeft();
    }

    @ParameterizedTest
    @EnumSource(
            value = Phase.class,
            names = {"INSPECT", "ZERO", "VERIFY"})
    void inPlace(Phase phase) throws IOException {
        TestRun run = run().inPlace().when(phase, this::ask);

        assertEquals(REASON, run.expect(Outcome.YIELDED).reason());

        assertEquals(List.of("answered"), seen);
        FileProperties.requireCleanQcow2(image);
        GuestDisk.shared().requireSameIn(image, "qcow2");
        run.requireNothingLeft();
    }

    @Test
    void inPlaceInTheMiddleOfWriting() throws IOException {
        TestRun run = run().inPlace();
        run.progress(new ProgressListener() {
            private Phase current = Phase.JUDGE;

            @Override
            public void phaseBegan(Phase phase) {
                current = phase;
            }

            @Override
            public void advanced(long doneBytes, long totalBytes) {
                if (current == Phase.ZERO && seen.isEmpty()) {
                    try {
                        ask();
                    } catch (IOException problem) {
                        throw new AssertionError(problem);
                    }
                }
            }
        });

        assertEquals(REASON, run.expect(Outcome.YIELDED).reason());

        GuestDisk.shared().requireSameIn(image, "qcow2");
        ExternalTool.run("qemu-img", "check", "-r", "leaks", "-f", "qcow2", image.toString());
        run.requireNothingLeft();
    }

    @Test
    void whoOnlyLooksIsInNobodysWayAndGoesOn() throws IOException {
        TestRun run = run().dryRun().when(Phase.ESTIMATE, () -> {
            Path only = onlyRun();
            Files.createFile(only.resolve("yield"));
            Waiting.until("the run answers", () -> Files.exists(only.resolve("yielded")));
            assertTrue(canBeWritten(), "a look locks the image");
        });
        run.expect(Outcome.NOTHING_TO_GAIN);
        run.requireNothingLeft();
    }

    @Test
    void aRunThatIsBeingCancelledForAnotherReasonAnswersToo() throws IOException {
        TestRun run = run();
        run.when(Phase.VERIFY, () -> {
            run.cancellation.cancel("interrupted");
            ask();
        });
        assertEquals("interrupted", run.expect(Outcome.YIELDED).reason());
        assertEquals(List.of("answered"), seen);
    }
}
