package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.NavigableMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code virt-shrink domain} as a process of its own that is interrupted, or that stands still in the middle of its last step. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class DomainProcessTest {
    @TempDir
    static Path directory;

    private DomainHost host;
    private DomainDiskFixture disks;
    private NavigableMap<String, String> tree;
    private Path tools;
    private Path runs;
    private int count;

    private String domain = "";
    private Path image = Path.of("");
    private byte[] before = new byte[0];

    @BeforeAll
    void startLibvirtd() throws IOException {
        host = DomainHost.start(directory);
        disks = DomainDiskFixture.in(host.images);
        tree = disks.tree();
        tools = Files.createDirectory(directory.resolve("tools"));
        runs = Files.createDirectory(
                directory.resolve("runs"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }

    @AfterAll
    void stopLibvirtd() throws IOException {
        if (host != null) {
            host.close();
        }
    }

    @BeforeEach
    void defineDomain() throws IOException {
        domain = "web" + count++;
        image = disks.qcow2(domain + ".qcow2");
        before = Files.readAllBytes(image);
        host.libvirtd.defineDomain(domain, fileDisk("vda", image, "qcow2"));
        Files.deleteIfExists(tools.resolve("qemu-img"));
    }

    private void assertOriginalIsUntouched() throws IOException {
        assertTrue(Arrays.equals(before, Files.readAllBytes(image)), "the image was changed");
        assertNothingIsLeft();
    }

    private void assertNothingIsLeft() throws IOException {
        assertEquals(List.of(), host.leftovers());
        try (var registered = Files.list(runs)) {
            assertEquals(List.of(), registered.toList());
        }
    }

    private void assertStarts() throws IOException {
        host.libvirtd.virsh("start", domain);
        assertTrue(host.hasOpen(domain, image));
        host.libvirtd.virsh("destroy", domain);
        assertEquals(tree, disks.tree(image, "qcow2"));
    }

    @Test
    void findsTheSystemsLibvirtByItself() throws Exception {
        try (CommandProcess command = CommandProcess.start(host, List.of(), tools, runs, "domain", "--json", domain)) {
            Cli.Result result = command.end();
            assertEquals(0, result.status(), result::toString);
            assertEquals("shrunk", result.json().get("outcome"), result::toString);
        }
        assertNothingIsLeft();
        assertStarts();
    }

    @ParameterizedTest
    @CsvSource({
        "convert, exec /usr/bin/qemu-img convert -r 65536 \"$@\", new, INT",
        "compare, exec sleep 100, new, INT",
        "create, exec sleep 100, overlay, TERM",
        "check, exec sleep 100, '', HUP",
    })
    void signalEndsTheRunWithExitCodeFourAndNothingLeft(String tool, String slowly, String reached, String signal)
            throws Exception {
        Path started = directory.resolve("started");
        Files.deleteIfExists(started);
        Path qemuImg = tools.resolve("qemu-img");
        Files.writeString(qemuImg, """
                #!/bin/sh
                if [ "$1" = %s ]; then shift; : > %s; %s; fi
                exec /usr/bin/qemu-img "$@"
                """.formatted(tool, started, slowly));
        Files.setPosixFilePermissions(qemuImg, PosixFilePermissions.fromString("rwxr-xr-x"));
        try (CommandProcess command = CommandProcess.start(host, List.of(), tools, runs, "domain", "--json", domain)) {
            command.await(() -> Files.exists(started));
            assertTrue(reached.isEmpty() || CommandProcess.hasTemporary(image, reached));
            command.signal(signal);
            Cli.Result result = command.end();
            assertEquals(4, result.status(), result::toString);
            assertEquals("yielded", result.json().get("outcome"), result::toString);
        }
        assertOriginalIsUntouched();
        assertStarts();
    }

    private CommandProcess slowExchange(String delay) throws IOException {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/strace")), "needs /usr/bin/strace (package strace)");
        // Of all renames, only the exchange itself concerns the image.
        List<String> tracer = List.of(
                "strace",
                "-f",
                "-qq",
                "--seccomp-bpf",
                "-o",
                directory.resolve("strace.log").toString(),
                "-P",
                image.toString(),
                "-e",
                "trace=renameat2",
                "-e",
                "inject=renameat2:" + delay);
        return CommandProcess.start(host, tracer, tools, runs, "domain", "--json", domain);
    }

    @Test
    void guestThatStartsJustBeforeTheExchangeWaitsAndStartsOnTheOriginal() throws Exception {
        try (CommandProcess command = slowExchange("delay_enter=2500000")) {
            command.await(() -> CommandProcess.hasTemporary(image, "exchange"));
            host.libvirtd.virsh("start", domain);
            assertTrue(host.hasOpen(domain, image));
            Cli.Result result = command.end();
            assertEquals(3, result.status(), result::toString);
            assertTrue(result.err().contains("is open in another process"), result::toString);
        }
        assertTrue(host.hasOpen(domain, image));
        host.libvirtd.virsh("destroy", domain);
        assertOriginalIsUntouched();
    }

    @Test
    void guestThatStartsJustAfterTheExchangeFailsOnTheLockAndThenStartsOnTheNewImage() throws Exception {
        Object inode = Files.getAttribute(image, "unix:ino");
        try (CommandProcess command = slowExchange("delay_exit=1500000")) {
            command.await(() -> !inode.equals(Files.getAttribute(image, "unix:ino")));
            String failure = "";
            try {
                host.libvirtd.virsh("start", domain);
            } catch (IOException locked) {
                failure = String.valueOf(locked.getMessage());
            }
            assertTrue(failure.contains("Failed to get \"write\" lock"), failure);
            Cli.Result result = command.end();
            assertEquals(0, result.status(), result::toString);
        }
        assertNothingIsLeft();
        assertStarts();
    }

    /**
     * QEMU opens an image for reading, then again by its name for writing, and looks for locks on the first only. Here the files would be
     * exchanged between the two, and exchanged back after the second.
     */
    @Test
    void guestWhoseTwoOpensLieAroundTheExchangeRunsOnTheFileThatHasTheName() throws Exception {
        host.slowEmulator(domain, image, "openat:delay_enter=900000:delay_exit=2500000:when=2");
        try (CommandProcess command = slowExchange("delay_enter=700000:delay_exit=800000")) {
            command.await(() -> CommandProcess.hasTemporary(image, "exchange"));
            host.libvirtd.virsh("start", domain);
            assertTrue(host.hasOpen(domain, image), "the guest runs on another file");
            assertEquals(3, command.end().status());
        }
        assertTrue(host.hasOpen(domain, image), "the guest runs on another file");
        host.libvirtd.virsh("destroy", domain);
        assertOriginalIsUntouched();
    }
}
