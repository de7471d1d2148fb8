package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.libvirt.PrivateLibvirtd;
import virtshrink.libvirt.Proofs;
import virtshrink.shrink.Waiting;

/** What comes over a daemon in the middle of its work: signals, a libvirtd that hangs or ends, guests that come to life. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class DaemonMidRunTest {
    private static final String NEVER = "0 0 0 1 1 ? 2090";
    private static final String EVERY_SECOND = "* * * * * ?";
    private static final String FOR_EVER = "exec sleep 600";
    private static final Duration END_LIMIT = Duration.ofSeconds(5);

    @TempDir
    static Path directory;

    private PrivateLibvirtd libvirtd;
    private TrappedTools tools;
    private Path pristine;
    private Path image;
    private Path configuration;
    private int count;
    private String domain = "";

    @BeforeAll
    void startLibvirtd() throws IOException {
        DaemonProcess.assumePossible();
        PrivateLibvirtd.assumePossible();
        libvirtd = PrivateLibvirtd.start(Files.createDirectory(directory.resolve("d")));
        tools = TrappedTools.in(directory.resolve("tools"));
        pristine = UsedImage.qcow2(directory.resolve("pristine.qcow2"), 8);
        configuration = directory.resolve("virt-shrinkd.toml");
    }

    @AfterAll
    void stopLibvirtd() throws IOException {
        if (libvirtd != null) {
            libvirtd.close();
        }
    }

    @BeforeEach
    void defineDomain() throws IOException {
        domain = "web" + count++;
        image = Files.createDirectory(directory.resolve(domain)).resolve("disk.qcow2");
        Files.copy(pristine, image);
        libvirtd.defineDomain(domain, PrivateLibvirtd.fileDisk("vda", image, "qcow2"));
        configure(EVERY_SECOND);
        tools.clear();
    }

    @AfterEach
    void removeDomain() throws IOException {
        if (libvirtd.virsh("list", "--name").contains(domain)) {
            libvirtd.virsh("destroy", domain);
        }
        if (libvirtd.virsh("list", "--all", "--name").contains(domain)) {
            libvirtd.virsh("undefine", "--snapshots-metadata", domain);
        }
    }

    private void configure(String cron) throws IOException {
        Files.writeString(configuration, """
                connect = "%s"
                [history]
                directory = "%s"
                [schedule.test]
                cron = "%s"
                min-reclaim = "1M"
                include-names = ["%s"]
                """.formatted(libvirtd.uri(), directory.resolve("history"), cron, domain));
    }

    private DaemonProcess start() throws IOException {
        return DaemonProcess.start(directory, configuration, tools.environment());
    }

    private void awaitTrapped() throws Exception {
        Waiting.until("a tool in the trap", tools::hasTrapped);
    }

    private static void awaitLog(DaemonProcess daemon, String text) throws Exception {
        Waiting.until("'" + text + "' in the log", () -> daemon.log().contains(text));
    }

    private static void assertEndsAsTold(DaemonProcess daemon) throws Exception {
        long told = System.nanoTime();
        daemon.signal("TERM");
        assertEquals(0, daemon.exitCode(), daemon::toString);
        Duration took = Duration.ofNanos(System.nanoTime() - told);
        assertTrue(took.compareTo(END_LIMIT) < 0, took::toString);
    }

    private boolean isNothingLeft() throws IOException {
        try (Stream<Path> beside = Files.list(image.getParent());
                Stream<Path> runs = Files.list(directory.resolve("run"))) {
            return beside.count() == 1 && runs.noneMatch(Files::isDirectory);
        }
    }

    private void assertOriginalAlone() throws IOException {
        assertEquals(-1, Files.mismatch(pristine, image));
        assertTrue(isNothingLeft());
    }

    /** The calls of one night: an estimate (check 1, qemu-nbd 1), then the run. */
    static Stream<String> calls() {
        return Stream.of(
                "check 1",
                "qemu-nbd 1",
                "qemu-nbd 2",
                "check 2",
                "qemu-nbd 3",
                "create 1",
                "convert 1",
                "qemu-nbd 4",
                "compare 1");
    }

    static Stream<String> callsThatLeaveFiles() {
        return Stream.of("create 1", "qemu-nbd 1", "compare 1", "qemu-nbd 3");
    }

    static Stream<String> callsWithTheLock() {
        return Stream.of("convert 1", "qemu-nbd 2", "compare 1", "create 1");
    }

    @ParameterizedTest
    @MethodSource("calls")
    void aToldEndComesInTimeAndLeavesTheOriginalAlone(String call) throws Exception {
        tools.trap(call, FOR_EVER);
        try (DaemonProcess daemon = start()) {
            awaitTrapped();
            assertEndsAsTold(daemon);
            assertTrue(daemon.log().contains("yielded: the daemon is stopping"), daemon.log());
        }
        assertOriginalAlone();
    }

    @ParameterizedTest
    @MethodSource("callsThatLeaveFiles")
    void whatAKilledDaemonHasLeftIsRemovedByTheNextOne(String call) throws Exception {
        tools.trap(call, FOR_EVER);
        try (DaemonProcess daemon = start()) {
            awaitTrapped();
            daemon.signal("KILL");
            daemon.exitCode();
        }
        configure(NEVER);
        tools.clear();
        try (DaemonProcess daemon = start()) {
            daemon.await("READY=1"::equals);
            Waiting.until("everything removed", this::isNothingLeft);
            assertEndsAsTold(daemon);
        }
        assertOriginalAlone();
        libvirtd.virsh("start", domain);
    }

    /** The last tool of a run stops libvirtd; then the run asks whether the domain is still shut off. */
    @Test
    void aLibvirtdThatHangsDoesNotKeepTheDaemonFromEnding() throws Exception {
        long pid = libvirtd.daemon().orElseThrow().pid();
        tools.trap("qemu-nbd 4", "kill -STOP " + pid);
        try (DaemonProcess daemon = start()) {
            daemon.await(line -> line.endsWith(": swap"));
            assertEndsAsTold(daemon);
            assertTrue(daemon.log().contains("yielded: the daemon is stopping"), daemon.log());
        } finally {
            libvirtd.goOn();
        }
        assertOriginalAlone();
    }

    @Test
    void aDaemonStartsAndEndsWhileLibvirtdHangs() throws Exception {
        libvirtd.hang();
        try (DaemonProcess daemon = start()) {
            boolean[] told = new boolean[2];
            daemon.await(line -> {
                told[0] |= line.equals("READY=1");
                told[1] |= line.contains("asking libvirt") || line.contains("waiting for libvirt");
                return told[0] && told[1];
            });
            assertEndsAsTold(daemon);
        } finally {
            libvirtd.goOn();
        }
        assertOriginalAlone();
    }

    /** Its keepalive finds out; the run is over then, and the night goes on when libvirtd does. */
    @Test
    @EnabledIfSystemProperty(named = Proofs.PROPERTY, matches = "true", disabledReason = "takes 20 seconds")
    void aLibvirtdThatHangsForAWhileCostsNoMoreThanThat() throws Exception {
        long pid = libvirtd.daemon().orElseThrow().pid();
        tools.trap("qemu-nbd 4", "kill -STOP " + pid);
        try (DaemonProcess daemon = start()) {
            daemon.await(line -> line.endsWith(": swap"));
            awaitLog(daemon, "is broken, making a new one");
            libvirtd.goOn();
            daemon.await(line -> line.startsWith("STATUS=waiting for test"));
            awaitLog(daemon, "shrunk from");
            assertEndsAsTold(daemon);
        } finally {
            libvirtd.goOn();
        }
        assertTrue(isNothingLeft());
    }

    @Test
    void anIdleDaemonOutlivesItsLibvirtdAndWorksWithTheNextOne() throws Exception {
        configure(NEVER);
        try (DaemonProcess daemon = start()) {
            awaitLog(daemon, "hears from libvirt");
            libvirtd.kill();
            awaitLog(daemon, "is broken, making a new one");
            awaitLog(daemon, "until libvirt answers");
            libvirtd.restart();
            Waiting.until("events again", () -> daemon.log().split("hears from libvirt", -1).length == 3);
            configure(EVERY_SECOND);
            daemon.signal("HUP");
            awaitLog(daemon, domain + " vda: shrunk from");
            assertEndsAsTold(daemon);
        } finally {
            libvirtd.restart();
        }
        assertTrue(isNothingLeft());
    }

    @ParameterizedTest
    @CsvSource({
        "start, failed to start",
        "undefine, no longer defined under this name",
        "snapshot-create-as --disk-only, has 1 snapshot",
    })
    void workOnADomainThatOthersTouchIsCancelledAtOnceWithoutTheHookToo(String command, String reason)
            throws Exception {
        tools.trap("convert 1", FOR_EVER);
        try (DaemonProcess daemon = start()) {
            awaitLog(daemon, "there is no libvirt hook");
            awaitTrapped();
            String[] words = (command + " --domain " + domain).split(" ");
            if (command.equals("start")) {
                assertThrows(IOException.class, () -> libvirtd.virsh(words));
            } else {
                libvirtd.virsh(words);
            }
            long done = System.nanoTime();
            awaitLog(daemon, domain + ": its work is cancelled");
            Duration took = Duration.ofNanos(System.nanoTime() - done);
            assertTrue(took.toSeconds() < 4, took::toString);
            awaitLog(daemon, domain + " vda: yielded");
            assertTrue(daemon.log().contains(reason), daemon.log());
            if (command.equals("start")) {
                libvirtd.virsh("start", domain);
            }
            assertEndsAsTold(daemon);
        }
        assertEquals(-1, Files.mismatch(pristine, image));
    }

    /**
     * As an administrator would, except that processes are seen from inside this libvirtd's namespaces; and before it one that is slow: while it
     * runs, libvirt answers no question about the domain, and the daemon asks some.
     */
    private void installHooks() throws IOException {
        Path hooks = Files.createDirectories(libvirtd.hooksDirectory().resolve("qemu.d"));
        hook(hooks.resolve("slow"), "#!/bin/sh\n[ \"$2\" != prepare ] || sleep 3\n");
        hook(
                hooks.resolve("virt-shrink"),
                Files.readString(Path.of("packaging/libvirt-hook/virt-shrink"))
                        .replace("\nproc=/proc\n", "\nproc=" + libvirtd.outerProcesses() + "\n")
                        .replace(":-/run/virt-shrink}", ":-" + directory.resolve("run") + "}"));
        libvirtd.restart();
    }

    private static void hook(Path file, String text) throws IOException {
        Files.writeString(file, text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private void removeHooks() throws IOException {
        Path hooks = libvirtd.hooksDirectory().resolve("qemu.d");
        Files.delete(hooks.resolve("slow"));
        Files.delete(hooks.resolve("virt-shrink"));
        libvirtd.restart();
    }

    @ParameterizedTest
    @MethodSource("callsWithTheLock")
    void aGuestStartsWhileTheDaemonIsAskingLibvirtAboutIt(String call) throws Exception {
        installHooks();
        try {
            long normal = start(domain);
            libvirtd.virsh("destroy", domain);
            Files.copy(pristine, image, StandardCopyOption.REPLACE_EXISTING);
            tools.trap(call, FOR_EVER);
            try (DaemonProcess daemon = start()) {
                awaitTrapped();
                long millis = start(domain);
                assertTrue(millis < normal + 2000, () -> millis + " ms, normally " + normal);
                awaitLog(daemon, "vda: yielded: a guest wants to start");
                Waiting.until("nothing left", this::isNothingLeft);
                assertEndsAsTold(daemon);
            }
        } finally {
            removeHooks();
        }
    }

    private long start(String name) throws IOException {
        long began = System.nanoTime();
        libvirtd.virsh("start", name);
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
    }
}
