package virtshrink.os;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RenamesTest {
    @TempDir
    Path directory;

    @Test
    void exchangeGivesEachNameTheOtherFile() throws Exception {
        Path a = Files.writeString(directory.resolve("a"), "content of a");
        Path b = Files.writeString(directory.resolve("b"), "content of b");
        FileIdentity wasA = FileStatus.of(a).identity();
        Renames.exchange(a, b);
        assertEquals(wasA, FileStatus.of(b).identity());
        assertEquals("content of b", Files.readString(a));
    }

    @Test
    void exchangeNeedsBoth() throws Exception {
        Path a = Files.writeString(directory.resolve("a"), "content of a");
        OsException failure = assertThrows(OsException.class, () -> Renames.exchange(a, directory.resolve("b")));
        assertTrue(failure.is(Errno.ENOENT));
        assertEquals("content of a", Files.readString(a));
    }

    @Test
    void exchangeMovesALinkAndNotItsTarget() throws Exception {
        Path target = Files.createDirectory(directory.resolve("target"));
        Path link = Files.createSymbolicLink(directory.resolve("link"), target);
        Path plain = Files.writeString(directory.resolve("plain"), "x");
        Renames.exchange(link, plain);
        assertTrue(Files.isSymbolicLink(plain));
        assertEquals("x", Files.readString(link));
        assertTrue(Files.isDirectory(target));
    }

    @Test
    void noReplaceLeavesWhatIsThere() throws Exception {
        Path a = Files.writeString(directory.resolve("a"), "content of a");
        Path b = Files.writeString(directory.resolve("b"), "content of b");
        assertTrue(
                assertThrows(OsException.class, () -> Renames.noReplace(a, b)).is(Errno.EEXIST));
        assertEquals("content of b", Files.readString(b));
        Renames.noReplace(a, directory.resolve("c"));
        assertFalse(Files.exists(a));
        Renames.replace(directory.resolve("c"), b);
        assertEquals("content of a", Files.readString(b));
        Renames.syncDirectory(directory);
    }

    @Test
    void neverBecomesACopyToAnotherFilesystem() throws Exception {
        Path other = Path.of("/dev/shm");
        Path a = Files.writeString(directory.resolve("a"), "content of a");
        Assumptions.assumeTrue(
                Files.isDirectory(other)
                        && FileStatus.of(other).device() != FileStatus.of(a).device(),
                "needs /dev/shm on a filesystem of its own");
        Path b = Files.createTempFile(other, "virt-shrink-test", "");
        try {
            OsException failure = assertThrows(OsException.class, () -> Renames.exchange(a, b));
            assertEquals("renameat2 " + a + " -> " + b + ": EXDEV (Invalid cross-device link)", failure.getMessage());
        } finally {
            Files.delete(b);
        }
    }
}
