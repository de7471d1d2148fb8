package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.ExternalTool;
import virtshrink.cli.Main;

/** A guest that starts meanwhile either works on a whole image or fails on the lock; it never writes to a file that has lost its name. */
class ImageLocksTest {
    private static final String NO_LOCK = "Failed to get \"write\" lock";

    @TempDir
    Path directory;

    private Path image;
    private final List<Process> started = new ArrayList<>();

    @BeforeAll
    static void tools() {
        GuestDisk.assumeTools();
        ExternalTool.assume("strace", "strace");
    }

    @BeforeEach
    void makeImage() throws IOException {
        image = GuestDisk.shared()
                .imageIn(Files.createDirectory(directory.resolve("images")).resolve("disk.qcow2"), "qcow2");
    }

    @AfterEach
    void endAll() throws InterruptedException {
        for (Process process : started) {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly().waitFor();
        }
    }

    private TestRun run() {
        return new TestRun(directory.resolve("runs"), image);
    }

    /** Rewrites the first sector, a protective MBR, with what it holds. */
    private static String writeSameTo(Path file) throws IOException {
        Path sector = Files.createTempFile("sector", "");
        try {
            ExternalTool.run(
                    "dd", "status=none", "if=" + GuestDisk.shared().raw(), "of=" + sector, "bs=512", "count=1");
            return ExternalTool.attempt(
                            "", "qemu-io", "-f", "qcow2", "-c", "write -s " + sector + " 0 512", file.toString())
                    .output();
        } finally {
            Files.delete(sector);
        }
    }

    @Test
    void noGuestCanStartFromTheFirstLookUntilTheSwap() throws IOException {
        Map<Phase, String> said = new EnumMap<>(Phase.class);
        TestRun run = run().progress(TestRun.phases(phase -> said.put(phase, writeSameTo(image))));

        // Whoever writes before the lock is taken has written before the run began.
        run.expect(Outcome.SHRUNK);

        assertTrue(said.remove(Phase.JUDGE).contains("wrote 512/512"));
        assertEquals(Phase.values().length - 1, said.size());
        said.forEach((phase, text) -> assertTrue(text.contains(NO_LOCK), () -> phase + ": " + text));
        assertTrue(writeSameTo(image).contains("wrote 512/512"));
        GuestDisk.shared().requireSameIn(image, "qcow2");
    }

    @Test
    void readersAreNotKeptOut() throws IOException {
        List<ExternalTool.Result> results = new ArrayList<>();
        run().when(
                        Phase.VERIFY,
                        () -> results.add(ExternalTool.attempt(
                                "", "qemu-io", "-r", "-f", "qcow2", "-c", "read 0 512", image.toString())))
                .expect(Outcome.SHRUNK);

        assertEquals(0, results.get(0).exitCode(), results.get(0)::output);
    }

    @Test
    void aRunningGuestIsRefused() throws IOException {
        startWriter("sleep 30000");
        Waiting.until("the guest holds its lock", () -> !writeSameTo(image).contains("wrote"));
        String before = FileProperties.sha256(image);

        String reason = run().expect(Outcome.REFUSED).reason();

        assertTrue(reason.contains("is open for writing in another process"), reason);
        assertEquals(before, FileProperties.sha256(image));
    }

    /** A guest's qemu, slowed down between opening the image and locking it. */
    private Process startDelayed(int delayMillis) throws IOException {
        Path output = directory.resolve("guest.out");
        Process process = new ProcessBuilder(
                        "strace",
                        "-f",
                        "-o",
                        "/dev/null",
                        "-P",
                        image.toString(),
                        "-e",
                        "trace=fcntl",
                        "-e",
                        "inject=fcntl:delay_enter=" + delayMillis * 1000L + ":when=1",
                        "qemu-io",
                        "-f",
                        "qcow2",
                        "-c",
                        "write -P 90 60M 64k",
                        image.toString())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        started.add(process);
        Waiting.until(
                "the guest has the image open", () -> process.descendants().anyMatch(child -> hasOpen(child.pid())));
        return process;
    }

    private boolean hasOpen(long pid) {
        try {
            return Waiting.hasOpen(pid, image);
        } catch (IOException gone) {
            return false;
        }
    }

    private void startWriter(String command) throws IOException {
        started.add(new ProcessBuilder("qemu-io", "-f", "qcow2", "-c", command, image.toString())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start());
    }

    private String endOf(Process guest) throws InterruptedException, IOException {
        guest.waitFor();
        return Files.readString(directory.resolve("guest.out"), StandardCharsets.UTF_8);
    }

    /** What the delayed guest writes: to free space of the disk. */
    private boolean hasGuestsBytes() throws IOException {
        return ExternalTool.attempt("", "qemu-io", "-r", "-f", "qcow2", "-c", "read -P 90 60M 64k", image.toString())
                        .exitCode()
                == 0;
    }

    @Test
    void aGuestBetweenOpeningAndLockingAtTheSwapKeepsTheOriginalAndStarts() throws Exception {
        long inode = FileProperties.inode(image);
        List<Process> guest = new ArrayList<>();
        TestRun run = run().when(Phase.SWAP, () -> guest.add(startDelayed(1500)));

        ShrinkReport report = run.expect(Outcome.REFUSED);

        assertTrue(report.reason().contains("is open in another process"), report::reason);
        assertEquals(inode, FileProperties.inode(image));
        run.requireNothingLeft();
        String said = endOf(guest.get(0));
        assertTrue(said.contains("wrote 65536/65536"), said);
        assertTrue(hasGuestsBytes());
        assertEquals(inode, FileProperties.inode(image));
        FileProperties.requireCleanQcow2(image);
    }

    @Test
    void aGuestBetweenOpeningAndLockingAtTheStartFailsOnTheLockOrKeepsItsImage() throws Exception {
        long inode = FileProperties.inode(image);
        Process guest = startDelayed(300);

        ShrinkReport report = run().run();
        String said = endOf(guest);

        // The guest that has the file open is met at the swap at the latest; one that failed on our lock has gone by
        // then.
        boolean guestStarted = said.contains("wrote 65536/65536");
        assertEquals(guestStarted, hasGuestsBytes());
        assertTrue(guestStarted || said.contains(NO_LOCK), said);
        if (guestStarted) {
            assertEquals(Outcome.REFUSED, report.outcome(), report::reason);
            assertEquals(inode, FileProperties.inode(image));
        }
        FileProperties.requireCleanQcow2(image);
    }

    @Test
    void aGuestThatOpensTheNewImageInTheMomentOfTheSwapFailsOnTheLock() throws Exception {
        long inode = FileProperties.inode(image);
        CommandLineChild child = SlowedSwap.after(new CommandLineChild(directory), image, 2000);
        Process run = child.builder(Main.class, "image", "--quiet", image.toString())
                .inheritIO()
                .start();
        started.add(run);
        Waiting.until("the new image has the name", () -> FileProperties.inode(image) != inode);

        String said = writeSameTo(image);

        assertTrue(said.contains(NO_LOCK), said);
        assertEquals(0, run.waitFor());
        assertFalse(FileProperties.inode(image) == inode);
        GuestDisk.shared().requireSameIn(image, "qcow2");
    }
}
