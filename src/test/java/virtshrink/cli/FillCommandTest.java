package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

class FillCommandTest {
    private final Cli cli = new Cli();

    @Test
    void tellsHowMuchWasWritten() throws IOException {
        Cli.Result plain = cli.run("fill /mnt/guest");
        Cli.Result json = cli.run("fill --json /mnt/guest");

        assertEquals(0, plain.status());
        assertEquals("/mnt/guest  1.0 GiB of zeros written and freed again\n", plain.out());
        assertEquals("/mnt/guest: zero\n", plain.err());
        assertEquals(
                Map.of(
                        "directory", "/mnt/guest",
                        "bytesWritten", (int) Samples.GIB,
                        "files", 1,
                        "outcome", "filled",
                        "reason", ""),
                json.json());
    }

    @Test
    void hasToBeForcedByName() {
        cli.run("fill --force /mnt/guest");

        assertTrue(cli.collaborators.forced);
    }

    @Test
    void cancelledFillIsExitCodeFour() throws IOException {
        cli.stop.arrive();

        Cli.Result result = cli.run("fill --json /mnt/guest");

        assertEquals(4, result.status());
        assertEquals(Map.of("outcome", "yielded", "reason", "interrupted"), result.json());
    }

    @Test
    void realFillerRefusesAFilesystemInMemory() throws IOException {
        Path memory = Path.of("/dev/shm");
        Assumptions.assumeTrue(Files.isDirectory(memory), "this host has no /dev/shm");
        TestScreen screen = new TestScreen(false);

        int status = Program.run(
                new Session(new ProductionCollaborators(), screen, new StopSignal(), System::nanoTime),
                "fill",
                "--json",
                memory.toString());

        assertEquals(3, status);
        assertEquals(
                "refused", new Cli.Result(status, screen.outText(), "").json().get("outcome"));
    }

    @Test
    void missingDirectoryIsAFailure() {
        TestScreen screen = new TestScreen(false);

        int status = Program.run(
                new Session(new ProductionCollaborators(), screen, new StopSignal(), System::nanoTime),
                "fill",
                "/nonexistent/dir");

        assertEquals(1, status);
        assertTrue(screen.errText().contains("/nonexistent/dir"), screen.errText());
    }

    @Test
    void wantsADirectory() {
        assertEquals(2, cli.run("fill").status());
    }
}
