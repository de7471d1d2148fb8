package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.ExternalTool;
import virtshrink.cli.Main;

/** {@code kill -9} at any moment leaves the whole old or the whole new image, and the next run tidies up. */
class KillNineTest {
    private static final int KILLS = 50;
    private static final List<Phase> PHASES = List.of(Phase.values());
    /** Another seed is another fifty moments; the one that failed is printed. */
    private static final long SEED = Long.getLong("virtshrink.seed", 20_240_229);

    @TempDir
    Path directory;

    private Path image;
    private Path pristine;
    private String original;
    private CommandLineChild child;

    @BeforeAll
    static void tools() {
        GuestDisk.assumeTools();
    }

    @BeforeEach
    void makeImage() throws IOException {
        image = Files.createDirectory(directory.resolve("images")).resolve("disk.qcow2");
        pristine = GuestDisk.shared().imageIn(directory.resolve("pristine"), "qcow2");
        original = FileProperties.sha256(pristine);
        child = new CommandLineChild(directory);
    }

    private void restore() throws IOException {
        Files.deleteIfExists(image);
        ExternalTool.run("cp", "--preserve=timestamps", pristine.toString(), image.toString());
    }

    private List<Path> beside() throws IOException {
        try (Stream<Path> entries = Files.list(image.getParent())) {
            return entries.filter(entry -> !entry.equals(image)).sorted().toList();
        }
    }

    @Test
    void fiftyMomentsLeaveOneOfTheTwoAndTheNextRunTidiesUp() throws Exception {
        Random random = new Random(SEED);
        Map<String, Integer> met = new TreeMap<>();
        Process next = start();
        for (int kill = 0; kill < KILLS; kill++) {
            restore();
            Process victim = next;
            Phase phase = PHASES.get(random.nextInt(PHASES.size()));
            long delayMicros = random.nextInt(phase == Phase.SWAP ? 4_000 : 60_000);
            String when = "seed %d, kill %d, %d µs after %s".formatted(SEED, kill, delayMicros, phase);
            long inode = FileProperties.inode(image);

            killAt(victim, phase, delayMicros);
            next = start();

            boolean replaced = FileProperties.inode(image) != inode;
            met.merge(phase + (replaced ? " new " : " old ") + rolesLeft(), 1, Integer::sum);
            requireWholeAndTidyUp(replaced, when);
            if (kill % 5 == 0) {
                GuestDisk.shared().requireSameIn(image, "qcow2");
            }
        }
        next.destroyForcibly().waitFor();
        System.out.println("kill -9 at " + KILLS + " moments: " + met);
        assertTrue(met.size() > 5, met::toString);
    }

    private Process start() throws IOException {
        return child.builder(WaitingCommandLine.class, "image", image.toString())
                .redirectError(directory.resolve("phases").toFile())
                .start();
    }

    /** Lets it go, waits until it says that the phase has begun, and a little longer. */
    private void killAt(Process victim, Phase phase, long delayMicros) throws Exception {
        BufferedReader out = victim.inputReader(StandardCharsets.US_ASCII);
        assertEquals("ready", out.readLine());
        Files.writeString(directory.resolve("phases"), "");
        victim.getOutputStream().write("go\n".getBytes(StandardCharsets.US_ASCII));
        victim.getOutputStream().flush();
        String line = ": " + phase.name().toLowerCase(Locale.ROOT) + "\n";
        Waiting.until(
                "the phase begins",
                () -> Files.readString(directory.resolve("phases")).contains(line) || !victim.isAlive());
        LockSupport.parkNanos(delayMicros * 1000);
        victim.destroyForcibly().waitFor();
    }

    private String rolesLeft() throws IOException {
        List<String> roles = new ArrayList<>();
        for (Path file : beside()) {
            String name = file.getFileName().toString();
            roles.add(name.replaceAll(".*virt-shrink-[0-9a-f]{12}\\.", "").replaceAll("[-.].*", ""));
        }
        return roles.toString();
    }

    private void requireWholeAndTidyUp(boolean replaced, String when) throws IOException {
        Waiting.until(
                "no child of the dead run lives, " + when,
                () -> Waiting.childrenNaming(directory).isEmpty());
        if (replaced) {
            FileProperties.requireCleanQcow2(image);
            GuestDisk.shared().requireSameIn(image, "qcow2");
        } else {
            assertEquals(original, FileProperties.sha256(image), when);
        }
        letRegistrationsAge();

        TestRun again = new TestRun(child.runs(), image);
        ShrinkReport report = again.run();

        assertEquals(replaced ? Outcome.NOTHING_TO_GAIN : Outcome.SHRUNK, report.outcome(), () -> when + ": " + report);
        again.requireNothingLeft();
        assertEquals(List.of(), beside(), when);
        FileProperties.requireCleanQcow2(image);
    }

    /** A run that died before it had said who it is looks, for a minute, as if it were just beginning. */
    private void letRegistrationsAge() throws IOException {
        try (Stream<Path> runs = Files.list(child.runs())) {
            for (Path run : runs.toList()) {
                if (!Files.exists(run.resolve("record"))) {
                    Files.setLastModifiedTime(run, FileTime.fromMillis(System.currentTimeMillis() - 120_000));
                }
            }
        }
    }

    // The moment of the exchange, drawn out.

    private void killWhen(CommandLineChild slowed, String what, Waiting.Condition condition) throws Exception {
        Process process = slowed.builder(Main.class, "image", "--quiet", "--keep-original", ".orig", image.toString())
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("said").toFile())
                .start();
        try {
            Waiting.until(what, condition);
        } finally {
            Optional<ProcessHandle> java = process.descendants()
                    .filter(each -> each.info().command().orElse("").endsWith("/java"))
                    .findFirst();
            java.ifPresent(ProcessHandle::destroyForcibly);
            // Not before: what strace lets go runs on. It would itself wait until its delay has passed.
            process.destroyForcibly().waitFor();
            if (java.isPresent()) {
                java.get().onExit().join();
            }
        }
    }

    private List<Path> left(String role) throws IOException {
        return beside().stream()
                .filter(file -> file.getFileName().toString().contains("." + role))
                .toList();
    }

    @Test
    void killedJustBeforeTheExchangeTheOriginalHasItsNameAndNothingElseStays() throws Exception {
        restore();
        long inode = FileProperties.inode(image);
        killWhen(
                SlowedSwap.before(child, image, 60_000),
                "the new file is about to be exchanged",
                () -> !left("exchange").isEmpty());

        assertEquals(inode, FileProperties.inode(image));
        assertEquals(inode, FileProperties.inode(left("backup").get(0)));
        requireWholeAndTidyUp(false, "before the exchange");
    }

    @Test
    void killedJustAfterTheExchangeTheOriginalGoesOnlyWhenNobodyNeedsIt() throws Exception {
        restore();
        long inode = FileProperties.inode(image);
        killWhen(
                SlowedSwap.after(child, image, 60_000),
                "the exchange has happened",
                () -> FileProperties.inode(image) != inode);
        Path displaced = left("exchange").get(0);
        Path backup = left("backup").get(0);
        assertEquals(inode, FileProperties.inode(displaced));
        assertEquals(inode, FileProperties.inode(backup));
        assertEquals(original, FileProperties.sha256(displaced));
        FileProperties.requireCleanQcow2(image);
        GuestDisk.shared().requireSameIn(image, "qcow2");

        // Somebody had opened the original in that very moment.
        Process reader = new ProcessBuilder("tail", "-f", displaced.toString())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        try {
            Waiting.until("it is open", () -> Waiting.hasOpen(reader.pid(), displaced));
            assertTrue(nextRunSays().contains(displaced + " alone: a process holds it"));
        } finally {
            reader.destroyForcibly().waitFor();
        }

        // He has written to it, and later the guest ran on the new image.
        FileTime written = Files.getLastModifiedTime(displaced);
        Files.setLastModifiedTime(displaced, FileTime.fromMillis(written.toMillis() + 10_000));
        Files.setLastModifiedTime(image, FileTime.fromMillis(written.toMillis() + 20_000));
        String refused =
                new TestRun(child.runs(), image).expect(Outcome.REFUSED).reason();
        assertTrue(refused.contains(displaced + " has been used since"), refused);

        // Nobody has: it can go, but for the name under which it was to be kept.
        Files.setLastModifiedTime(displaced, written);
        String said = nextRunSays();
        assertTrue(said.contains("removed " + displaced), said);
        assertTrue(said.contains(backup + " alone: it is the original"), said);
        assertEquals(List.of(backup), beside());
        assertEquals(original, FileProperties.sha256(backup));
        GuestDisk.shared().requireSameIn(image, "qcow2");
    }

    private String nextRunSays() throws IOException {
        return new TestRun(child.runs(), image)
                .expect(Outcome.NOTHING_TO_GAIN)
                .notes()
                .toString();
    }
}
