package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.InterruptedIOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class ChildProcessTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    private final ChildProcessFactory children = new ChildProcessFactory();

    @TempDir
    private Path directory;

    @BeforeAll
    static void needsSetpriv() {
        Tools.require("setpriv", "util-linux");
    }

    private ChildResult shell(String script) throws IOException {
        return children.run("sh", List.of("-c", script), LIMIT);
    }

    @Test
    void environmentIsClean() throws IOException {
        Set<String> names = new TreeSet<>();
        children.run("env", List.of(), LIMIT)
                .require(0)
                .stdout()
                .lines()
                .forEach(line -> names.add(line.substring(0, line.indexOf('='))));
        names.remove("TMPDIR");
        names.remove("PWD"); // the shell's own
        assertEquals(Set.of("LC_ALL", "MALLOC_ARENA_MAX", "PATH"), names);
    }

    @Test
    void hasNoInputAndStartsInRoot() throws IOException {
        assertEquals("/\n", shell("cat; pwd").require(0).stdout());
    }

    @Test
    void newFilesAreForTheirOwnerOnly() throws IOException {
        assertEquals("0077\n", shell("umask").require(0).stdout());
    }

    @Test
    void inheritsNoDescriptors() throws IOException {
        try (var open = Files.newInputStream(Files.createFile(directory.resolve("open")))) {
            assertEquals(
                    "0 1 2 3\n",
                    children.run("ls", List.of("/proc/self/fd"), LIMIT)
                            .stdout()
                            .replaceAll("\n(?=.)", " ")); // 3 is the directory being listed
            assertEquals(-1, open.read());
        }
    }

    @Test
    void pidIsTheToolsOwn() throws IOException {
        try (ChildProcess child = children.start("sh", List.of("-c", "echo $$"))) {
            assertEquals(child.pid() + "\n", child.waitFor(LIMIT).stdout());
        }
    }

    @Test
    void argumentsReachTheToolAsTheyAre() throws IOException {
        List<String> arguments = List.of("%s|", "a b", "$HOME", "`id`", "\"'\\", "*", "", "--help");
        String expected = String.join("|", arguments.subList(1, arguments.size())) + "|";
        assertEquals(
                expected, children.run("printf", arguments, LIMIT).require(0).stdout());
    }

    @Test
    void bothStreamsFloodedDoNotDeadlock() throws IOException {
        ChildResult result = shell("head -c 2000000 /dev/zero; head -c 3000000 /dev/zero >&2; echo end; echo last >&2");
        assertTrue(result.stdout().endsWith("end\n"));
        assertEquals(2000004, result.stdout().length());
        assertTrue(result.stderrTail().endsWith("last\n"));
        assertEquals(64 << 10, result.stderrTail().length());
    }

    @Test
    void outputBeyondTheCapKillsIt() {
        ToolFailedException e =
                assertThrows(ToolFailedException.class, () -> children.run("cat", List.of("/dev/zero"), LIMIT));
        assertTrue(e.getMessage().contains("wrote more than 16777216 bytes"), e.getMessage());
    }

    @Test
    void aReaderThatFailsKillsIt() {
        ToolFailedException e = assertThrows(ToolFailedException.class, () -> {
            try (ChildProcess child = children.start("cat", List.of("/dev/zero"), stdout -> {
                throw new IOException("no map");
            })) {
                child.waitFor(LIMIT);
            }
        });
        assertTrue(e.getMessage().contains("no map"), e.getMessage());
    }

    @Test
    void timeLimitKills() throws IOException {
        long before = System.nanoTime();
        try (ChildProcess child = children.start("sleep", List.of("60"))) {
            ToolFailedException e =
                    assertThrows(ToolFailedException.class, () -> child.waitFor(Duration.ofMillis(100)));
            assertTrue(e.getMessage().contains("did not end within"), e.getMessage());
            assertFalse(child.isAlive());
        }
        assertTrue(Duration.ofNanos(System.nanoTime() - before).toSeconds() < 20);
    }

    @Test
    void aGrandchildThatHoldsTheOutputIsNotWaitedFor() throws IOException {
        long before = System.nanoTime();
        try (ChildProcess child = children.start("sh", List.of("-c", "sleep 30 & exit 0"))) {
            // Where the child has ended before its output is first read, Java closes the pipe itself.
            assertTrue(child.waitFor(LIMIT).succeeded());
        } catch (ToolFailedException e) {
            assertTrue(e.getMessage().contains("holds its output open"), e.getMessage());
        }
        assertTrue(Duration.ofNanos(System.nanoTime() - before).toSeconds() < 20);
    }

    @Test
    void memoryLimitApplies() throws IOException {
        ChildProcessFactory small = new ChildProcessFactory(ToolPaths.standard(), ChildListener.NONE, 64 << 20);
        // Looks for a line's end that never comes, and keeps what it has read.
        ChildResult result = small.run("tail", List.of("-n", "1", "/dev/zero"), LIMIT);
        assertFalse(result.succeeded());
        assertTrue(result.stderrTail().contains("memory exhausted"), result.stderrTail());
    }

    @Test
    void writesNoCoreFiles() throws IOException {
        assertEquals("0\n", shell("ulimit -c").stdout());
    }

    @Test
    void failureNamesToolExitCodeAndLastLines() {
        ToolFailedException e = assertThrows(
                ToolFailedException.class,
                () -> shell("for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; printf 'bell \\a' >&2; exit 9")
                        .require(0));
        assertEquals("sh failed with exit code 9: line 4 | line 5 | line 6 | line 7 | bell ?", e.getMessage());
        assertEquals(9, e.exitCode().orElseThrow());
    }

    @Test
    void deathBySignalIsNamed() {
        ToolFailedException e = assertThrows(
                ToolFailedException.class, () -> shell("kill -KILL $$").require(0));
        assertEquals("sh was killed by SIGKILL", e.getMessage());
    }

    @Test
    void aMissingToolIsNamedWithWhereItWasLookedFor() {
        IOException e = assertThrows(IOException.class, () -> children.start("no-such-tool", List.of()));
        assertTrue(e.getMessage().startsWith("no-such-tool is not installed: looked in /usr/bin, "), e.getMessage());
    }

    @Test
    void theDirectoryOfTheEnvironmentIsSearchedFirst() throws IOException {
        Tools.script(directory, "env", "echo mine");
        assertEquals(
                "mine\n", Tools.scripted(directory).run("env", List.of(), LIMIT).stdout());
        assertThrows(IllegalArgumentException.class, () -> ToolPaths.preferring(Path.of("relative")));
    }

    @Test
    void linesAndProgressComeAsTheyAreWritten() throws IOException {
        List<String> lines = Collections.synchronizedList(new ArrayList<>());
        try (ChildProcess child =
                children.start("printf", List.of("one\\ntwo\\r\\rthree"), OutputReader.lines(lines::add))) {
            child.waitFor(LIMIT).require(0);
        }
        assertEquals(List.of("one", "two", "three"), lines);
    }

    @Test
    void killAllEndsEverythingAndLetsNothingStart() throws IOException {
        ChildProcess one = children.start("sleep", List.of("60"));
        ChildProcess two = children.start("sleep", List.of("60"));
        children.killAll("the guest starts");
        assertEquals("SIGKILL", one.waitFor(LIMIT).signal().orElseThrow());
        assertEquals("SIGKILL", two.waitFor(LIMIT).signal().orElseThrow());
        ToolFailedException e = assertThrows(ToolFailedException.class, () -> children.start("true", List.of()));
        assertEquals("true was not run: the guest starts", e.getMessage());
    }

    @Test
    void theListenerSeesEveryBeginningAndEnd() throws IOException {
        List<String> seen = Collections.synchronizedList(new ArrayList<>());
        ChildListener listener = new ChildListener() {
            @Override
            public void started(long pid, String command) {
                seen.add("started " + command + " " + pid);
            }

            @Override
            public void ended(long pid) {
                seen.add("ended " + pid);
            }
        };
        try (ChildProcess child = new ChildProcessFactory(listener).start("true", List.of())) {
            child.waitFor(LIMIT);
            assertEquals(List.of("started true " + child.pid(), "ended " + child.pid()), seen);
        }
    }

    @Test
    void anInterruptedWaiterKillsIt() throws Exception {
        ChildProcess child = children.start("sleep", List.of("60"));
        AtomicReference<Exception> thrown = new AtomicReference<>();
        Thread waiter = new Thread(() -> {
            try {
                child.waitFor(LIMIT);
            } catch (IOException e) {
                thrown.set(e);
            }
        });
        waiter.start();
        waiter.interrupt();
        waiter.join();
        assertTrue(thrown.get() instanceof InterruptedIOException, String.valueOf(thrown.get()));
        assertTrue(child.awaitEnd(LIMIT));
    }

    @Test
    void outlivesTheThreadThatAskedForIt() throws Exception {
        AtomicReference<ChildProcess> child = new AtomicReference<>();
        Thread shortLived = new Thread(() -> {
            try {
                child.set(children.start("sh", List.of("-c", "sleep 0.3; echo alive")));
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        shortLived.start();
        shortLived.join();
        assertEquals("alive\n", child.get().waitFor(LIMIT).require(0).stdout());
    }

    @Test
    void aToolWhoseParentDiedBeforeTheSignalWasSetDoesNotRun() throws Exception {
        Path ran = directory.resolve("ran");
        Process orphan = new ProcessBuilder(
                        "/bin/sh",
                        "-c",
                        ChildProcessFactory.PRELUDE,
                        "sh",
                        "1",
                        "1000000",
                        "/usr/bin/touch",
                        ran.toString())
                .start();
        assertEquals(125, orphan.waitFor());
        assertFalse(Files.exists(ran));
    }

    @Test
    void diesWithAKilledParent() throws Exception {
        Process parent = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xshare:auto",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        codeOf(ChildProcessFactory.class) + ":" + codeOf(Parent.class),
                        Parent.class.getName())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader output =
                new BufferedReader(new InputStreamReader(parent.getInputStream(), StandardCharsets.UTF_8))) {
            long child = Long.parseLong(output.readLine());
            assertTrue(isRunning(child));
            parent.destroyForcibly().waitFor();
            long deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos();
            while (isRunning(child) && System.nanoTime() < deadline) {
                Thread.onSpinWait();
            }
            assertFalse(isRunning(child));
        } finally {
            parent.destroyForcibly();
        }
    }

    private static Path codeOf(Class<?> type) throws URISyntaxException {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
    }

    /** A zombie that nobody has reaped yet runs no more. */
    private static boolean isRunning(long pid) {
        try {
            String stat = Files.readString(Path.of("/proc", Long.toString(pid), "stat"));
            return stat.charAt(stat.lastIndexOf(')') + 2) != 'Z';
        } catch (IOException gone) {
            return false;
        }
    }

    /** Starts a child and waits to be killed, as long as there is somebody who could. */
    static final class Parent {
        private Parent() {}

        public static void main(String[] args) throws Exception {
            ChildProcess child = new ChildProcessFactory().start("sleep", List.of("600"));
            // Its prelude is over when it has become the tool.
            while (!Files.readString(Path.of("/proc", Long.toString(child.pid()), "comm"))
                    .strip()
                    .equals("sleep")) {
                Thread.onSpinWait();
            }
            System.out.println(child.pid());
            System.out.println("nobody: " + System.in.read());
        }
    }
}
