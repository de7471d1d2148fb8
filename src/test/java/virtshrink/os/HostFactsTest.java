package virtshrink.os;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostFactsTest {
    @TempDir
    Path directory;

    @Test
    void effectiveUserIsTheOneOfId() throws Exception {
        assertEquals(Integer.parseUnsignedInt(LoopMount.run("id", "-u").trim()), Hosts.effectiveUid());
    }

    @Test
    void availableSpaceIsWhatJavaSays() throws Exception {
        try (LoopMount ext = LoopMount.make(directory, 16L << 20, "rw", "mkfs.ext4", "-q")) {
            long available = Hosts.availableBytes(ext.path());
            assertEquals(Files.getFileStore(ext.path()).getUsableSpace(), available);
            assertTrue(available > 0 && available < 16L << 20);
        }
    }

    @Test
    void kindOfFilesystemIsTold() throws Exception {
        assertEquals(FileSystemType.OTHER, FileSystemType.of(Path.of("/proc")));
        assertFalse(FileSystemType.of(directory).sharedBetweenHosts());
        if (LoopMount.run("stat", "-f", "-c", "%T", "/dev/shm").trim().equals("tmpfs")) {
            assertEquals(FileSystemType.TMPFS, FileSystemType.of(Path.of("/dev/shm")));
            assertTrue(FileSystemType.TMPFS.inMemory());
        }
        assertThrows(OsException.class, () -> FileSystemType.of(directory.resolve("missing")));
        assertThrows(OsException.class, () -> Hosts.availableBytes(directory.resolve("missing")));
    }

    @Test
    void terminalHasAWidthAndAFileHasNone() throws Exception {
        try (PythonChild child = new PythonChild("""
                import fcntl, os, pty, struct, termios
                master, slave = pty.openpty()
                fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 50, 132, 0, 0))
                print(os.ttyname(slave))
                input()
                """)) {
            try (OpenFile terminal = OpenFile.readWrite(Path.of(child.hear()));
                    OpenFile plain = OpenFile.directory(directory)) {
                assertTrue(Terminal.isTerminal(terminal.descriptor()));
                assertEquals(OptionalInt.of(132), Terminal.columns(terminal.descriptor()));
                assertFalse(Terminal.isTerminal(plain.descriptor()));
                assertEquals(OptionalInt.empty(), Terminal.columns(plain.descriptor()));
            }
        }
    }
}
