package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.os.Hosts;
import virtshrink.os.ProcessIdentity;

/** The script that libvirt calls when a guest starts, without libvirt. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class LibvirtHookTest {
    private static final Path HOOK =
            Path.of("packaging/libvirt-hook/virt-shrink").toAbsolutePath();
    private static final String NO_XML = "";

    @TempDir
    Path directory;

    private Path runs;
    private Path image;
    private final List<AutoCloseable> open = new ArrayList<>();
    private final AtomicInteger asked = new AtomicInteger();

    @BeforeEach
    void prepare() throws IOException {
        runs = directory.resolve("runs");
        image = Files.createFile(directory.resolve("web.qcow2"));
    }

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable each : open) {
            each.close();
        }
    }

    /** How long the hook took. It has ended with 0 and said nothing. */
    private long hook(String xml, String... arguments) throws IOException, InterruptedException {
        Path stdin = Files.writeString(directory.resolve("stdin"), xml);
        return hook(ProcessBuilder.Redirect.from(stdin.toFile()), arguments);
    }

    private long hook(ProcessBuilder.Redirect stdin, String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("/bin/sh", HOOK.toString()));
        command.addAll(List.of(arguments));
        return hook(command, stdin);
    }

    private long hook(List<String> command, ProcessBuilder.Redirect stdin) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectInput(stdin)
                .redirectErrorStream(true);
        builder.environment().put("VIRT_SHRINK_RUN_DIRECTORY", runs.toString());
        long began = System.nanoTime();
        Process process = builder.start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int status = process.waitFor();
        long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
        assertEquals("", said);
        assertEquals(0, status);
        return millis;
    }

    /** As libvirt calls it. */
    private long starting(String domain, String xml) throws IOException, InterruptedException {
        return hook(xml, domain, "prepare", "begin", "-");
    }

    private static String xml(String sourceAttributes) {
        return """
                <domain type='kvm'>
                  <name>other</name>
                  <devices>
                    <disk type='file' device='disk'>
                      <driver name='qemu' type='qcow2'/>
                      <source %s/>
                      <target dev='vda' bus='virtio'/>
                    </disk>
                  </devices>
                </domain>
                """.formatted(sourceAttributes);
    }

    private Run run(Optional<String> domain) throws IOException {
        Run run = Run.begin(RunDirectory.at(runs), domain, image);
        open.add(run);
        return run;
    }

    /** A run that gives its image back after a while. */
    private void answering(Optional<String> domain) throws IOException {
        Run run = run(domain);
        open.add(YieldWatch.start(run, () -> {
            asked.incrementAndGet();
            run.childStarted(ProcessHandle.current().pid());
        }));
    }

    /** Made by hand: nobody answers. */
    private Path silent(String id, String record) throws IOException {
        RunDirectory.at(runs);
        Path run = Files.createDirectory(runs.resolve(id));
        Files.createSymbolicLink(run.resolve("image"), image);
        Files.writeString(run.resolve("record"), record);
        return run;
    }

    private static String owner(ProcessIdentity process) throws IOException {
        return boot(Hosts.bootId()) + "owner " + process.pid() + " " + process.startTicks() + "\n";
    }

    private static String boot(String id) {
        return "boot " + id + "\n";
    }

    private static String ownerAlive() throws IOException {
        return owner(ProcessIdentity.ofThisProcess());
    }

    private Process process(String... command) throws IOException {
        Process process = new ProcessBuilder(command).start();
        open.add(() -> process.destroyForcibly().waitFor());
        return process;
    }

    private static void assertWaitedInVain(long millis) {
        assertTrue(millis >= 1900 && millis < 3500, () -> "took " + millis + " ms");
    }

    private static void assertQuick(long millis) {
        assertTrue(millis < 1900, () -> "took " + millis + " ms");
    }

    // Whom it asks.

    @Test
    void withoutARunNothingIsReadAndNoProcessIsStarted() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/strace")), "needs /usr/bin/strace (package strace)");
        Path log = directory.resolve("log");
        List<String> traced = List.of(
                "strace", "-f", "-qq", "-o", log.toString(), "-e", "trace=process,read", "/bin/sh", HOOK.toString());
        for (boolean directoryExists : new boolean[] {false, true}) {
            if (directoryExists) {
                RunDirectory.at(runs);
            }
            List<String> command = new ArrayList<>(traced);
            command.addAll(List.of("web", "prepare", "begin", "-"));
            hook(command, ProcessBuilder.Redirect.from(image.toFile()));
            String calls = Files.readString(log);
            assertEquals(1, calls.split("execve\\(", -1).length - 1, calls);
            assertFalse(calls.contains("fork(") || calls.contains("clone(") || calls.contains("clone3("), calls);
            assertFalse(calls.contains("read(0"), calls);
        }
    }

    @Test
    void theRunOnTheDomainIsAskedAndItsAnswerAwaited() throws Exception {
        answering(Optional.of("web"));
        assertQuick(starting("web", NO_XML));
        assertEquals(1, asked.get());
        assertQuick(hook(NO_XML, "web", "restore", "begin", "-"));
        assertEquals(1, asked.get());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "prepare end",
                "start begin",
                "started begin",
                "stopped end",
                "release end",
                "migrate begin",
                "begin"
            })
    void otherOccasionsConcernNobody(String occasion) throws Exception {
        Path run = silent("aa", ownerAlive() + "domain web\n");
        List<String> arguments = new ArrayList<>(List.of("web"));
        arguments.addAll(List.of(occasion.split(" ")));
        assertQuick(hook(NO_XML, arguments.toArray(String[]::new)));
        assertFalse(Files.exists(run.resolve("yield")));
    }

    @Test
    void calledWithoutArgumentsItDoesNothing() throws Exception {
        silent("aa", ownerAlive() + "domain \n");
        assertQuick(hook(NO_XML));
    }

    @Test
    void aRunOnAFileIsFoundByThePathInTheXml() throws Exception {
        answering(Optional.empty());
        assertQuick(starting("other", xml("file='" + image + "' index='1'")));
        assertEquals(1, asked.get());
    }

    @Test
    void aRunIsFoundByThePathOfAnyFileThatItHolds() throws Exception {
        Path first = Files.createFile(directory.resolve("first.qcow2"));
        Path second = Files.createFile(directory.resolve("second $x*.qcow2"));
        Run run = Run.begin(RunDirectory.at(runs), Optional.of("web"), image, List.of(first, second));
        open.add(run);
        open.add(YieldWatch.start(run, asked::incrementAndGet));
        assertQuick(starting("other", xml("file='" + directory.resolve("third.qcow2") + "'")));
        assertEquals(0, asked.get());
        assertQuick(starting("other", xml("file='" + second + "'")));
        assertEquals(1, asked.get());
    }

    @Test
    void aRunOnAFileIsFoundThroughASymbolicLink() throws Exception {
        Path link = Files.createSymbolicLink(directory.resolve("link"), image);
        answering(Optional.of("web"));
        assertQuick(starting("other", xml("startupPolicy='optional' file=\"" + link + "\"")));
        assertEquals(1, asked.get());
    }

    @Test
    void entitiesInThePathAreUnderstood() throws Exception {
        image = Files.createFile(directory.resolve("a&b <c> 'd' \"e\" &amp;"));
        answering(Optional.empty());
        String escaped = image.toString()
                .replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("'", "&apos;")
                .replace("\"", "&quot;");
        assertQuick(starting("other", xml("file='" + escaped + "'")));
        assertEquals(1, asked.get());
    }

    @Test
    void runsOnOtherDisksAreLeftAlone() throws Exception {
        Path run = silent("aa", ownerAlive() + "domain web\n");
        Path other = Files.createFile(directory.resolve("other.qcow2"));
        assertQuick(starting("other", xml("file='" + other + "'")));
        assertQuick(starting("other", xml("dev='" + image + "'")));
        assertQuick(starting("other", xml("file=''")));
        assertQuick(starting("we", NO_XML));
        assertQuick(starting("", NO_XML));
        assertFalse(Files.exists(run.resolve("yield")));
    }

    @Test
    void everyRunOfTheDomainIsAsked() throws Exception {
        answering(Optional.of("web"));
        answering(Optional.of("web"));
        Path other = silent("aa", ownerAlive() + "domain db\n");
        assertQuick(starting("web", NO_XML));
        assertEquals(2, asked.get());
        assertFalse(Files.exists(other.resolve("yield")));
    }

    // Names are only compared.

    @ParameterizedTest
    @ValueSource(
            strings = {
                "$(touch stolen)",
                "`touch stolen`",
                "; touch stolen",
                "' ; touch stolen '",
                "\" ; touch stolen \"",
                "*",
                "[a-z]*",
                "-n",
                "!",
                "(",
                "=",
                " two  words ",
                "back\\slash\\n",
                "domain web",
                "../../x",
                "PATHS",
                "Räksmörgås 日本"
            })
    void hostileNamesAreNamesAndNothingElse(String name) throws Exception {
        Charset arguments = Charset.forName(System.getProperty("sun.jnu.encoding"));
        assumeTrue(arguments.newEncoder().canEncode(name), "this locale has no such letters");
        Path stranger = silent("aa", ownerAlive() + "domain web\n");
        answering(Optional.of(name));
        assertQuick(starting(name, xml("file='" + name.replace("'", "&apos;") + "'")));
        assertEquals(1, asked.get());
        assertFalse(Files.exists(stranger.resolve("yield")));
        assertFalse(Files.exists(directory.resolve("stolen")));
    }

    @Test
    void hostilePathsArePathsAndNothingElse() throws Exception {
        image = Files.createFile(directory.resolve("$(touch stolen)`touch stolen`*.qcow2"));
        answering(Optional.empty());
        assertQuick(starting("x", xml("file='" + image + "'")));
        assertEquals(1, asked.get());
        assertFalse(Files.exists(directory.resolve("stolen")));
    }

    // Patience.

    @Test
    void aRunThatDoesNotAnswerIsWaitedForTwoSeconds() throws Exception {
        Path run = silent("aa", ownerAlive() + "domain web\n");
        assertWaitedInVain(starting("web", NO_XML));
        assertTrue(Files.exists(run.resolve("yield")));
    }

    @Test
    void anInputWithoutEndIsNotReadForever() throws Exception {
        silent("aa", ownerAlive() + "domain web\n");
        Path fifo = directory.resolve("fifo");
        Tools.run(directory, "mkfifo", fifo.toString());
        for (String writer : List.of("exec sleep 30", "while :; do echo '<source file=x/>'; done")) {
            // Opened for both, so that neither side waits for the other.
            Process writing = process("sh", "-c", "exec 3<> \"$0\"; " + writer + " > \"$0\"", fifo.toString());
            long millis = hook(ProcessBuilder.Redirect.from(fifo.toFile()), "other", "prepare", "begin", "-");
            assertTrue(millis < 3500, () -> "took " + millis + " ms");
            writing.destroyForcibly().waitFor();
        }
    }

    @Test
    void aClosedInputIsNoInput() throws Exception {
        answering(Optional.of("web"));
        silent("aa", ownerAlive() + "domain db\n");
        String call = "/bin/sh " + HOOK + " web prepare begin - <&-";
        assertQuick(hook(List.of("/bin/sh", "-c", call), ProcessBuilder.Redirect.from(image.toFile())));
        assertEquals(1, asked.get());
    }

    // Runs that come, go and die.

    @Test
    void aRunThatEndsIsNotWaitedForAnyLonger() throws Exception {
        Run run = run(Optional.of("web"));
        CompletableFuture<Void> ending = CompletableFuture.runAsync(() -> {
            try {
                while (!Files.exists(run.directory().resolve("yield"))) {
                    Thread.onSpinWait();
                }
                run.close();
            } catch (IOException problem) {
                throw new AssertionError(problem);
            }
        });
        assertQuick(starting("web", NO_XML));
        ending.get();
    }

    @Test
    void aDeadRunIsNotWaitedForAndItsChildrenAreKilled() throws Exception {
        Process dead = process("true");
        ProcessIdentity identity = new ProcessIdentity(dead.pid(), 1);
        dead.waitFor();
        Process child = process("sleep", "60");
        Process stranger = process("sleep", "60");
        ProcessIdentity known = ProcessIdentity.of(child.pid()).orElseThrow();
        silent(
                "aa",
                owner(identity) + "domain web\nchild " + known.pid() + " " + known.startTicks() + "\nchild "
                        + stranger.pid() + " 1\n");
        assertQuick(starting("web", NO_XML));
        assertFalse(child.isAlive());
        assertTrue(stranger.isAlive());
    }

    @Test
    void processesOfAnotherBootAreNeitherAwaitedNorKilled() throws Exception {
        Process other = process("sleep", "60");
        ProcessIdentity same = ProcessIdentity.of(other.pid()).orElseThrow();
        String child = "child " + same.pid() + " " + same.startTicks() + "\n";
        String owner = "owner " + same.pid() + " " + same.startTicks() + "\n";
        silent("aa", boot("00000000-0000-0000-0000-000000000000") + "owner 1 1\ndomain web\n" + child);
        silent("ab", owner + "domain web\n");
        assertQuick(starting("web", NO_XML));
        assertTrue(other.isAlive());
    }

    @Test
    void aLaterProcessWithTheOwnersNumberIsAnother() throws Exception {
        ProcessIdentity here = ProcessIdentity.ofThisProcess();
        silent("aa", owner(new ProcessIdentity(here.pid(), here.startTicks() + 1)) + "domain web\n");
        assertQuick(starting("web", NO_XML));
    }

    @Test
    void theOwnersProgramMayBeCalledAnything() throws Exception {
        Path program = directory.resolve("a) Z 1 (b\nc");
        Files.copy(Path.of("/bin/sleep"), program);
        Process owner = process(program.toString(), "60");
        while (!Files.readString(Path.of("/proc/" + owner.pid() + "/stat")).contains("a) Z 1")) {
            Thread.onSpinWait();
        }
        silent("aa", owner(ProcessIdentity.of(owner.pid()).orElseThrow()) + "domain web\n");
        assertWaitedInVain(starting("web", NO_XML));
    }

    @Test
    void whatIsNoRecordIsNoRun() throws Exception {
        silent("aa", "");
        silent("ab", "domain web\n");
        silent("ac", boot(Hosts.bootId()) + "owner $(touch stolen) 1\ndomain web\n");
        silent("ad", "\0\1\2\nowner\n\n");
        silent("not a run", ownerAlive() + "domain web\n");
        Files.createDirectory(runs.resolve("ae"));
        Files.createDirectories(runs.resolve("af/record"));
        assertQuick(starting("web", xml("file='" + image + "'")));
        assertFalse(Files.exists(directory.resolve("stolen")));
        assertFalse(Files.exists(runs.resolve("not a run/yield")));
    }

    @Test
    void runsMayComeAndGoMeanwhile() throws Exception {
        RunDirectory all = RunDirectory.at(runs);
        AtomicBoolean enough = new AtomicBoolean();
        CompletableFuture<Integer> coming = CompletableFuture.supplyAsync(() -> {
            int count = 0;
            while (!enough.get()) {
                try (Run run = Run.begin(all, Optional.of("web"), image)) {
                    run.childStarted(ProcessHandle.current().pid());
                    count++;
                } catch (IOException problem) {
                    throw new AssertionError(problem);
                }
            }
            return count;
        });
        for (int i = 0; i < 40; i++) {
            assertQuick(starting("web", NO_XML));
        }
        enough.set(true);
        assertTrue(coming.get() > 0);
        try (var left = Files.list(runs)) {
            assertEquals(List.of(), left.toList());
        }
    }
}
