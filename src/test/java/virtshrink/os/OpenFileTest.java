package virtshrink.os;

import static org.junit.jupiter.api.Assertions.*;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OpenFileTest {
    @TempDir
    Path directory;

    @Test
    void smoke() throws Exception {
        Path a = directory.resolve("a ü%");
        try (OpenFile file = OpenFile.createExclusive(a, 0664)) {
            file.write("hello".getBytes(StandardCharsets.UTF_8), 4096);
            assertEquals(4101, file.status().sizeBytes());
            assertEquals(0664, file.status().permissions());
            assertEquals(Files.getAttribute(a, "unix:dev"), file.status().device());
            assertEquals(Files.getAttribute(a, "unix:ino"), file.status().inode());
            file.sync();
            file.setXattr("user.x", new byte[] {1, 2});
            System.out.println(file.xattrNames() + " " + file.inodeFlags() + " " + file.extents() + " "
                    + file.extendedAttributes());
            System.out.println(file.isOnlyOpener() + " " + file.tryReadLock(201, 1)
                    + file.wouldWriteLockConflict(201, 1) + file.tryExclusiveFlock());
            System.out.println(FileSystemType.of(a) + " " + Hosts.availableBytes(a) + " " + Hosts.effectiveUid() + " "
                    + ReflinkProbe.canClone(file, directory.resolve("s")));
            System.out.println(file.seekData(0) + " " + file.seekHole(4096) + file.seekData(9999999));
            System.out.println(ProcessIdentity.ofThisProcess() + " " + Terminal.isTerminal(1));
        }
        System.out.println(assertThrows(OsException.class, () -> Renames.exchange(a, Path.of("/dev/shm")))
                .getMessage());
    }
}
