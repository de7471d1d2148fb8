package virtshrink.os;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LeaseTest {
    private static final String OPENER = """
            import os, sys
            print('opening')
            descriptor = os.open(sys.argv[1], os.O_RDWR if sys.argv[2] == 'w' else os.O_RDONLY)
            print('opened')
            input()
            """;

    @TempDir
    Path directory;

    private Path image;

    @BeforeEach
    void makeImage() throws Exception {
        image = Files.write(directory.resolve("image"), new byte[1 << 20]);
    }

    @Test
    void onlyOpenerIsTheOnlyOne() throws Exception {
        try (OpenFile file = OpenFile.readOnly(image)) {
            assertTrue(file.isOnlyOpener());
            assertTrue(file.isOnlyOpener());
        }
        try (OpenFile file = OpenFile.readWrite(image)) {
            assertTrue(file.isOnlyOpener());
        }
    }

    @Test
    void anotherProcessIsNoticedUntilItCloses() throws Exception {
        for (String access : new String[] {"r", "w"}) {
            try (OpenFile file = OpenFile.readOnly(image)) {
                try (PythonChild other = new PythonChild(OPENER, image, access)) {
                    assertEquals("opening", other.hear());
                    assertEquals("opened", other.hear());
                    assertFalse(file.isOnlyOpener());
                }
                assertTrue(file.isOnlyOpener());
            }
        }
    }

    @Test
    void anotherDescriptorOfThisProcessIsNoticed() throws Exception {
        try (OpenFile file = OpenFile.readOnly(image)) {
            OpenFile again = OpenFile.readOnly(image);
            assertFalse(file.isOnlyOpener());
            again.close();
            assertTrue(file.isOnlyOpener());
        }
    }

    @Test
    void aMappingIsNoticedEvenWhenItsDescriptorIsClosed() throws Exception {
        try (OpenFile file = OpenFile.readOnly(image);
                PythonChild other = new PythonChild("""
                        import mmap, os, sys
                        descriptor = os.open(sys.argv[1], os.O_RDWR)
                        view = mmap.mmap(descriptor, 0)
                        os.close(descriptor)
                        print('mapped')
                        input()
                        """, image)) {
            assertEquals("mapped", other.hear());
            assertFalse(file.isOnlyOpener());
        }
    }

    @Test
    void aLoopDeviceIsNoticed() throws Exception {
        LoopMount.needsRoot();
        String device =
                LoopMount.run("losetup", "--find", "--show", image.toString()).trim();
        try (OpenFile file = OpenFile.readOnly(image)) {
            assertFalse(file.isOnlyOpener());
        } finally {
            LoopMount.run("losetup", "--detach", device);
        }
    }

    /** The kernel's signal to the lease holder is SIGIO unless asked otherwise, and SIGIO ends a process. */
    @Test
    void anOpenerWaitsForTheLeaseAndTheHolderLives() throws Exception {
        try (OpenFile file = OpenFile.readOnly(image)) {
            Lease lease = file.tryLease().orElseThrow();
            assertFalse(lease.isWanted());
            try (PythonChild other = new PythonChild(OPENER, image, "w")) {
                assertEquals("opening", other.hear());
                awaitBreaking(file.status().inode());
                assertTrue(lease.isWanted());
                lease.close();
                assertEquals("opened", other.hear());
                assertFalse(file.isOnlyOpener());
                assertTrue(file.tryLease().isEmpty());
            }
        }
    }

    @Test
    void aLeaseOutlivesARename() throws Exception {
        Path other = Files.write(directory.resolve("other"), new byte[1]);
        try (OpenFile file = OpenFile.readOnly(image);
                Lease lease = file.tryLease().orElseThrow()) {
            Renames.exchange(image, other);
            Files.readAllBytes(image); // no longer the leased file
            assertFalse(lease.isWanted());
        }
    }

    @Test
    void openersInATightLoopAreNeverDisturbedNorTheHolderEnded() throws Exception {
        try (OpenFile file = OpenFile.readOnly(image);
                PythonChild other = new PythonChild("""
                        import os, sys
                        print('looping')
                        for i in range(20000):
                            os.close(os.open(sys.argv[1], os.O_RDWR))
                        print('done')
                        """, image)) {
            assertEquals("looping", other.hear());
            int alone = 0;
            int disturbed = 0;
            while (other.process().isAlive() && alone + disturbed < 2_000_000) {
                if (file.isOnlyOpener()) {
                    alone++;
                } else {
                    disturbed++;
                }
            }
            assertEquals("done", other.hear());
            assertTrue(alone > 0, alone + " times alone, " + disturbed + " times not");
        }
    }

    @Test
    void whereLeasesDoNotExistTheCallerCanTell() throws Exception {
        try (OpenFile file = OpenFile.directory(directory)) {
            assertTrue(assertThrows(OsException.class, file::isOnlyOpener).isUnsupported());
        }
    }

    @Test
    void openingAFileUnderLeaseWaitsInsteadOfFailing() throws Exception {
        try (PythonChild holder = new PythonChild("""
                import fcntl, os, signal, sys
                signal.signal(signal.SIGIO, lambda *ignored: fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK))
                descriptor = os.open(sys.argv[1], os.O_RDONLY)
                fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
                print('leased')
                input()
                """, image)) {
            assertEquals("leased", holder.hear());
            try (OpenFile file = OpenFile.readOnly(image)) {
                assertEquals(1 << 20, file.status().sizeBytes());
            }
        }
    }

    private static void awaitBreaking(long inode) throws Exception {
        long deadline = System.nanoTime() + 20_000_000_000L;
        while (Files.readAllLines(Path.of("/proc/locks")).stream()
                .noneMatch(line -> line.contains("BREAKING") && line.contains(":" + inode + " "))) {
            assertTrue(System.nanoTime() < deadline, "nobody broke the lease");
            Thread.onSpinWait();
        }
    }
}
