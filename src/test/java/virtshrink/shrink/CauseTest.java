package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import virtshrink.image.ImageRefusedException;

/** What figures tell apart is told where it arises. */
class CauseTest {
    @ParameterizedTest
    @EnumSource(Outcome.class)
    void everyOutcomeHasAGeneralCauseOfItsOwn(Outcome outcome) {
        assertEquals(outcome, Cause.generalOf(outcome).outcome());
    }

    @ParameterizedTest
    @EnumSource(ImageRefusedException.Kind.class)
    void everyKindOfRefusalIsARefusal(ImageRefusedException.Kind kind) {
        Cause cause = Cause.of(new ImageRefusedException(kind, "no"));
        assertEquals(Outcome.REFUSED, cause.outcome());
        assertEquals(kind.name(), cause.name());
    }

    @Test
    void namesAreUnique() {
        assertEquals(
                Cause.values().length,
                Arrays.stream(Cause.values())
                        .map(Cause::contractName)
                        .distinct()
                        .count());
    }

    @Test
    void aCancellationKeepsTheCauseOfTheFirst() {
        Cancellation cancellation = new Cancellation();
        cancellation.cancel(Cause.WINDOW_OVER, "it is over");
        cancellation.cancel("interrupted");
        assertEquals(Cause.WINDOW_OVER, cancellation.cause());
        assertEquals(Optional.of("it is over"), cancellation.reason());
    }

    /** On a real disk, with qemu's tools. */
    @Nested
    class OfARun {
        @TempDir
        Path directory;

        private Path image;

        @BeforeAll
        static void tools() {
            GuestDisk.assumeTools();
        }

        @BeforeEach
        void makeImage() throws IOException {
            image = GuestDisk.shared().imageIn(directory.resolve("disk.qcow2"), "qcow2");
        }

        private TestRun run() {
            return new TestRun(directory.resolve("runs"), image);
        }

        @Test
        void thatDoesAllItCan() throws IOException {
            assertEquals(Cause.DRY_RUN, run().dryRun().run().cause());
            assertEquals(
                    Cause.BELOW_MINIMUM,
                    run().minimumGain(new MinimumGain(1L << 40, 0)).run().cause());
            assertEquals(Cause.DONE, run().run().cause());
            assertEquals(Cause.FREE_SPACE_EMPTY, run().run().cause());
        }

        @Test
        void whoseImageDoesNotExist() throws IOException {
            Files.delete(image);
            assertEquals(Cause.IMAGE, run().run().cause());
        }

        @Test
        void whoseDomainIsNotOff() throws IOException {
            TestRun run = run().guard(() -> Optional.of("it is running"));
            assertEquals(Cause.DOMAIN, run.run().cause());
        }

        @Test
        void whoseWindowEnds() throws IOException {
            TestRun run = run();
            run.when(Phase.REBUILD, () -> run.cancellation.cancel(Cause.WINDOW_OVER, "it is over"));
            assertEquals(Cause.WINDOW_OVER, run.run().cause());
        }

        @Test
        void whoseImageIsWorkedOnAlready() throws IOException {
            TestRun outer = run();
            Cause[] inner = new Cause[1];
            outer.when(
                    Phase.ZERO,
                    () -> inner[0] =
                            new TestRun(directory.resolve("runs"), image).run().cause());
            outer.run();
            assertEquals(Cause.IN_USE, inner[0]);
        }
    }
}
