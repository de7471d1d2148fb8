package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class QemuNbdTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    @TempDir
    private Path directory;

    private Path socket;
    private Path image;

    @BeforeAll
    static void needsTools() {
        Tools.requireQemuImg();
        Tools.require("qemu-io", "qemu-utils");
        Tools.require("qemu-nbd", "qemu-utils");
    }

    @BeforeEach
    void makeImage() throws Exception {
        Path run = Files.createDirectory(directory.resolve("run"));
        Files.setPosixFilePermissions(run, PosixFilePermissions.fromString("rwx------"));
        socket = run.resolve("s");
        image = Tools.qcow2(directory, "a.qcow2", "16M");
    }

    private QemuNbd serve(ServeOptions options) throws IOException {
        return QemuNbd.serve(Tools.CHILDREN, options, LIMIT);
    }

    private ServeOptions writable() {
        return ServeOptions.writable(ImageNode.of(image, ImageFormat.QCOW2), socket);
    }

    private void client(String command) throws Exception {
        Tools.run(directory, "qemu-io", "-f", "raw", "-c", command, "nbd+unix:///?socket=" + socket);
    }

    @Test
    void whatAClientWroteIsInTheFileAfterTheEnd() throws Exception {
        try (QemuNbd server = serve(writable())) {
            client("write -P 7 0 64k");
            server.stop(LIMIT);
        }
        assertEquals(
                1, Tools.QEMU_IMG.check(image, ImageFormat.QCOW2).orElseThrow().allocatedClusters());
        Tools.qemuIo(image, "read -P 7 0 64k");
        assertFalse(Files.exists(socket));
        try (var left = Files.list(socket.getParent())) {
            assertEquals(0, left.count());
        }
    }

    @Test
    void neitherInfoNorCheckStandsInTheWayOfAWriter() throws Exception {
        try (QemuNbd server = serve(writable())) {
            assertEquals(16 << 20, Tools.QEMU_IMG.info(image, ImageFormat.QCOW2).virtualBytes());
            assertTrue(
                    Tools.QEMU_IMG.check(image, ImageFormat.QCOW2).orElseThrow().sound());
            server.stop(LIMIT);
        }
    }

    @Test
    void zerosAndDiscardsAreNotStored() throws Exception {
        try (QemuNbd server = serve(writable())) {
            client("write -P 0 0 1M");
            server.stop(LIMIT);
        }
        assertEquals(
                0, Tools.QEMU_IMG.check(image, ImageFormat.QCOW2).orElseThrow().allocatedClusters());
    }

    @Test
    void readOnlyIsReadOnly() throws Exception {
        byte[] before = Files.readAllBytes(image);
        try (QemuNbd server = serve(ServeOptions.readOnly(ImageNode.of(image, ImageFormat.QCOW2), socket))) {
            assertThrows(IOException.class, () -> client("write -P 7 0 64k"));
            server.stop(LIMIT);
        }
        assertArrayEquals(before, Files.readAllBytes(image));
    }

    @Test
    void severalConnectionsWithAllocationDepthAreOffered() throws Exception {
        Tools.require("nbdinfo", "libnbd-bin");
        String uri = "nbd+unix:///?socket=" + socket;
        try (QemuNbd server = serve(writable().withConnections(4).withCache(ServeOptions.CacheMode.UNSAFE));
                SocketChannel held = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            String info = Tools.run(directory, "nbdinfo", uri);
            assertTrue(info.contains("qemu:allocation-depth"), info);
            assertTrue(info.contains("can_multi_conn: true"), info);
            assertTrue(held.isConnected());
            assertEquals(socket, server.socket());
        }
    }

    @Test
    void stopsAlsoIfNobodyEverConnected() throws Exception {
        try (QemuNbd server = serve(writable())) {
            server.stop(LIMIT);
        }
    }

    @Test
    void aClientThatStaysIsCutOffByStop() throws Exception {
        try (QemuNbd server = serve(writable());
                SocketChannel client = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            server.stop(LIMIT);
            assertTrue(client.isOpen());
        }
    }

    @Test
    void anImageThatCannotBeServedIsToldInItsWords() {
        ServeOptions options =
                ServeOptions.readOnly(ImageNode.of(directory.resolve("none.qcow2"), ImageFormat.QCOW2), socket);
        ToolFailedException e = assertThrows(ToolFailedException.class, () -> serve(options));
        assertTrue(e.getMessage().contains("No such file or directory"), e.getMessage());
        assertFalse(Files.exists(socket));
    }

    @Test
    void anImageInUseIsRefusedUnlessLockingIsOff() throws Exception {
        try (QemuNbd first = serve(writable())) {
            Path second = socket.resolveSibling("t");
            ImageNode node = ImageNode.of(image, ImageFormat.QCOW2);
            ToolFailedException e =
                    assertThrows(ToolFailedException.class, () -> serve(ServeOptions.writable(node, second)));
            assertTrue(e.getMessage().contains("lock"), e.getMessage());
            try (QemuNbd unlocked = serve(ServeOptions.writable(node.withoutLocking(), second))) {
                unlocked.stop(LIMIT);
            }
            first.stop(LIMIT);
        }
    }

    @Test
    void itsDeathIsReported() throws Exception {
        try (QemuNbd server = serve(writable())) {
            ProcessHandle.of(server.pid()).orElseThrow().destroyForcibly();
            ToolFailedException e = assertThrows(ToolFailedException.class, () -> server.stop(LIMIT));
            assertEquals("qemu-nbd was killed by SIGKILL", e.getMessage());
        }
    }

    @Test
    void closeKills() throws Exception {
        long pid;
        try (QemuNbd server = serve(writable())) {
            pid = server.pid();
        }
        ProcessHandle.of(pid).ifPresent(handle -> handle.onExit().join());
    }

    @Test
    void aServerThatNeverGetsReadyIsKilled() throws Exception {
        Path tools = Files.createDirectory(directory.resolve("tools"));
        Tools.script(tools, "qemu-nbd", "exec sleep 60");
        ToolFailedException e = assertThrows(
                ToolFailedException.class,
                () -> QemuNbd.serve(Tools.scripted(tools), writable(), Duration.ofMillis(50)));
        assertEquals("qemu-nbd was not ready within 50 ms", e.getMessage());
    }

    @Test
    void anOldPidFileDoesNotMeanReady() throws Exception {
        Files.writeString(socket.resolveSibling("s.pid"), "1\n");
        Path tools = Files.createDirectory(directory.resolve("tools"));
        Tools.script(tools, "qemu-nbd", "exec sleep 60");
        assertThrows(
                ToolFailedException.class,
                () -> QemuNbd.serve(Tools.scripted(tools), writable(), Duration.ofMillis(50)));
    }

    @Test
    void theDirectoryMustBePrivateAndThePathShort() throws Exception {
        Files.setPosixFilePermissions(socket.getParent(), PosixFilePermissions.fromString("rwxr-x---"));
        IOException open = assertThrows(IOException.class, () -> serve(writable()));
        assertTrue(open.getMessage().contains("others may enter"), open.getMessage());
        Path far = directory.resolve("x".repeat(120));
        IOException tooLong = assertThrows(
                IOException.class, () -> serve(ServeOptions.writable(ImageNode.of(image, ImageFormat.QCOW2), far)));
        assertTrue(tooLong.getMessage().contains("longer than 107 bytes"), tooLong.getMessage());
    }

    @Test
    void startsQuickly() throws Exception {
        long best = Long.MAX_VALUE;
        for (int i = 0; i < 5; i++) {
            long before = System.nanoTime();
            try (QemuNbd server = serve(writable())) {
                best = Math.min(best, System.nanoTime() - before);
                server.stop(LIMIT);
            }
        }
        assertTrue(best < Duration.ofMillis(250).toNanos(), best + " ns");
    }
}
