package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.jr.ob.JSON;
import com.sun.jna.Native;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;

class StopSignalTest {
    @TempDir
    private Path directory;

    @Test
    void cancelsWhatRunsAndWhatWouldRunNext() {
        StopSignal stop = new StopSignal();
        Cancellation running = stop.newCancellation();

        assertTrue(stop.arrive());

        assertEquals(Optional.of("interrupted"), running.reason());
        assertEquals(Optional.of("interrupted"), stop.newCancellation().reason());
    }

    @Test
    void hasNothingToCancelBeforeARun() {
        assertFalse(new StopSignal().arrive());
    }

    @ParameterizedTest
    @ValueSource(strings = {"INT", "TERM", "HUP"})
    void signalsEndTheRunCleanlyWithExitCodeFour(String signal) throws Exception {
        Path temporary = directory.resolve("overlay");
        Process process = start(temporary, "wait");
        try (BufferedReader output = process.inputReader(StandardCharsets.UTF_8)) {
            assertEquals("running", output.readLine());
            assertTrue(Files.exists(temporary));

            signal(process, signal);
            signal(process, "INT"); // the impatient user

            assertTrue(process.waitFor(30, TimeUnit.SECONDS));
            assertEquals(4, process.exitValue());
            assertFalse(Files.exists(temporary));
            assertTrue(output.readLine().contains("\"outcome\":\"yielded\""));
        } finally {
            process.destroyForcibly();
        }
    }

    @Test
    void runPastItsPointOfNoReturnIsFinishedAndTellsSo() throws Exception {
        Path temporary = directory.resolve("overlay");
        Process process = start(temporary, "swap");
        try (BufferedReader output = process.inputReader(StandardCharsets.UTF_8)) {
            assertEquals("running", output.readLine());

            signal(process, "TERM");

            assertTrue(process.waitFor(30, TimeUnit.SECONDS));
            assertEquals(0, process.exitValue());
            assertTrue(output.readLine().contains("\"outcome\":\"shrunk\""));
        } finally {
            process.destroyForcibly();
        }
    }

    private static Process start(Path temporary, String behaviour) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-Xmx64m",
                        "-cp",
                        classPath(),
                        InterruptedRun.class.getName(),
                        temporary.toString(),
                        behaviour)
                .redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().put("TERM", "dumb");
        return builder.start();
    }

    /** Where these classes came from: the test's own class path may be hidden behind a launcher's archive. */
    private static String classPath() {
        return Stream.of(Main.class, Samples.class, CommandLine.class, JSON.class, JsonFactory.class, Native.class)
                .map(type -> type.getProtectionDomain().getCodeSource().getLocation())
                .map(location -> Path.of(URI.create(location.toString())).toString())
                .distinct()
                .collect(Collectors.joining(File.pathSeparator));
    }

    private static void signal(Process process, String name) throws IOException, InterruptedException {
        Process kill = new ProcessBuilder(List.of("kill", "-" + name, Long.toString(process.pid())))
                .inheritIO()
                .start();
        kill.waitFor();
    }

    /** As {@link Main}, with a run that makes a temporary file and waits to be cancelled. */
    static final class InterruptedRun {
        private InterruptedRun() {}

        public static void main(String[] arguments) {
            Path temporary = Path.of(arguments[0]);
            StopSignal stop = new StopSignal();
            stop.listen();
            FakeCollaborators fakes = new FakeCollaborators();
            fakes.answer = (request, cancellation) -> arguments[1].equals("wait")
                    ? waitAndCleanUp(request, temporary, cancellation)
                    : swap(request, cancellation, stop);
            Session session = new Session(fakes, new ProcessScreen(), stop, System::nanoTime);
            System.exit(stop.finish(Program.run(session, "image", "--json", "a.qcow2")));
        }

        private static ShrinkReport waitAndCleanUp(ShrinkRequest request, Path temporary, Cancellation cancellation) {
            try {
                Files.createFile(temporary);
                CountDownLatch cancelled = new CountDownLatch(1);
                cancellation.onCancel(cancelled::countDown);
                System.out.println("running");
                cancelled.await();
                Files.delete(temporary);
                return Samples.report(request, Samples.MOST, Samples.MOST, Outcome.YIELDED, "interrupted");
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }

        private static ShrinkReport swap(ShrinkRequest request, Cancellation cancellation, StopSignal stop) {
            try {
                cancellation.passPointOfNoReturn();
            } catch (Cancellation.RunCancelledException e) {
                throw new IllegalStateException(e);
            }
            System.out.println("running");
            while (!stop.hasArrived()) {
                Thread.onSpinWait();
            }
            return Samples.report(request, Samples.MOST, Samples.SOME, Outcome.SHRUNK, "");
        }
    }
}
