package virtshrink.os;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Locks as another process sees them, and its locks as we see them. */
class FileLocksTest {
    /** Arguments: path, r or w for the type of the open file description lock, offset. Says whether it got the lock, then holds it. */
    private static final String LOCKER = """
            import fcntl, os, struct, sys
            descriptor = os.open(sys.argv[1], os.O_RDWR)
            kind = fcntl.F_RDLCK if sys.argv[2] == 'r' else fcntl.F_WRLCK
            lock = struct.pack('hhqqixxxx', kind, 0, int(sys.argv[3]), 1, 0)
            try:
                fcntl.fcntl(descriptor, 37, lock)
                print('locked')
            except BlockingIOError:
                print('refused')
            input()
            """;

    @TempDir
    Path directory;

    private Path image;

    @BeforeEach
    void makeImage() throws Exception {
        image = Files.write(directory.resolve("image"), new byte[1000]);
    }

    @Test
    void readLockOnAReadOnlyDescriptorKeepsWritersOut() throws Exception {
        try (OpenFile file = OpenFile.readOnly(image)) {
            assertTrue(file.tryReadLock(201, 1));
            assertEquals("refused", locker("w", 201));
            assertEquals("locked", locker("r", 201));
            assertEquals("locked", locker("w", 202));
            file.unlock(201, 1);
            assertEquals("locked", locker("w", 201));
        }
    }

    @Test
    void lockGoesWithTheDescriptor() throws Exception {
        OpenFile file = OpenFile.readOnly(image);
        assertTrue(file.tryReadLock(201, 1));
        // A POSIX lock would be lost here: when any descriptor of the file in this process is closed.
        OpenFile.readOnly(image).close();
        assertEquals("refused", locker("w", 201));
        file.close();
        assertEquals("locked", locker("w", 201));
    }

    @Test
    void writeLockOfAnotherProcessRefusesOurs() throws Exception {
        try (PythonChild other = new PythonChild(LOCKER, image, "w", 201);
                OpenFile file = OpenFile.readOnly(image)) {
            assertEquals("locked", other.hear());
            assertFalse(file.tryReadLock(201, 1));
            assertTrue(file.tryReadLock(202, 1));
        }
    }

    @Test
    void seesLocksOfOthersOfEitherKindButNotItsOwn() throws Exception {
        try (OpenFile file = OpenFile.readOnly(image)) {
            assertFalse(file.wouldWriteLockConflict(101, 1));
            assertTrue(file.tryReadLock(101, 1));
            assertFalse(file.wouldWriteLockConflict(101, 1));
            for (String kind : new String[] {"r", "w"}) {
                try (PythonChild other = new PythonChild(LOCKER, image, kind, 103)) {
                    assertEquals("locked", other.hear());
                    assertTrue(file.wouldWriteLockConflict(103, 1));
                    assertTrue(file.wouldWriteLockConflict(0, 0));
                    assertFalse(file.wouldWriteLockConflict(104, 1));
                }
                assertFalse(file.wouldWriteLockConflict(103, 1));
            }
        }
    }

    @Test
    void flockIsExclusiveBetweenDescriptors() throws Exception {
        try (OpenFile second = OpenFile.readOnly(image)) {
            try (OpenFile first = OpenFile.readOnly(image)) {
                assertTrue(first.tryExclusiveFlock());
                assertFalse(second.tryExclusiveFlock());
            }
            assertTrue(second.trySharedFlock());
        }
    }

    private String locker(String kind, int offset) throws Exception {
        try (PythonChild child = new PythonChild(LOCKER, image, kind, offset)) {
            return child.hear();
        }
    }
}
