package virtshrink.filesystem.xfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ExternalTool;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.MountedImage;
import virtshrink.filesystem.ReferenceChecker;

/** Filesystems as a kernel leaves them: cleanly, suddenly, or not at all. */
class XfsStatesTest {
    private static final long MIB = 1 << 20;
    private static final int TORN_ROUNDS = Boolean.getBoolean("virtshrink.proofs") ? 60 : 6;

    @TempDir
    Path directory;

    @BeforeAll
    static void needsTools() {
        Xfsprogs.assumeInstalled();
    }

    private Path make(String... options) throws IOException {
        return Xfsprogs.make(directory.resolve("image"), 100 * MIB, options);
    }

    private MountedImage mount(Path image) throws IOException {
        return MountedImage.mount(image, directory.resolve("mounted"), "rw,nouuid");
    }

    private Path copy(Path image) throws IOException {
        Path copy = directory.resolve("copy");
        ExternalTool.run("cp", "--sparse=always", image.toString(), copy.toString());
        return copy;
    }

    private static void assertExact(Path image) throws IOException {
        Xfsprogs.Reference expected = Xfsprogs.reference(image);
        FilesystemState state = Xfsprogs.read(image).state();
        FilesystemState.FreeSpace space = assertInstanceOf(FilesystemState.FreeSpace.class, state, state::reasonText);
        assertEquals(expected.free(), space.free());
        assertEquals(expected.freeBytes(), space.freeBytes());
    }

    private static void assertDirty(Path image) throws IOException {
        FilesystemState state = Xfsprogs.read(image).state();
        assertInstanceOf(FilesystemState.Dirty.class, state, state::reasonText);
        assertTrue(state.reasonText().contains("mount and unmount it once"), state::reasonText);
    }

    /** Copies of a filesystem in use, as a saved guest leaves it behind. */
    @ParameterizedTest
    @ValueSource(strings = {"rmapbt=0", "rmapbt=1"})
    void isNeverCalledFreeWhileInUse(String options) throws IOException {
        Path image = make("-m", options);
        Random random = new Random(17);
        for (int round = 0; round < TORN_ROUNDS; round++) {
            try (MountedImage mounted = mount(image)) {
                for (int i = 0; i < 3; i++) {
                    byte[] noise = new byte[random.nextInt(200_000)];
                    Files.write(mounted.path().resolve("file" + random.nextInt(50)), noise);
                    mounted.sync();
                    Files.write(mounted.path().resolve("other" + random.nextInt(50)), noise);
                    assertDirty(copy(image));
                }
            }
            assertExact(image);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"shutdown", "shutdown -f"})
    void isDirtyAfterASuddenEnd(String command) throws IOException {
        Path image = make();
        try (MountedImage mounted = mount(image)) {
            for (int i = 0; i < 50; i++) {
                Files.write(mounted.path().resolve("file" + i), new byte[10_000]);
            }
            mounted.sync();
            Files.delete(mounted.path().resolve("file7"));
            ExternalTool.run("xfs_io", "-x", "-c", command, mounted.path().toString());
        }
        assertDirty(image);
        // Once a kernel has replayed the log, all is known again.
        mount(image).close();
        assertExact(image);
    }

    @Test
    void isDirtyWhileFrozen() throws IOException {
        Path image = make();
        try (MountedImage mounted = mount(image)) {
            Files.write(mounted.path().resolve("file"), new byte[10_000]);
            ExternalTool.run("xfs_freeze", "-f", mounted.path().toString());
            try {
                assertDirty(copy(image));
            } finally {
                ExternalTool.run("xfs_freeze", "-u", mounted.path().toString());
            }
        }
        assertExact(image);
    }

    /** As a guest's root is when it is switched off. */
    @Test
    void isCleanOnceRemountedReadOnly() throws IOException {
        Path image = make("-m", "rmapbt=1");
        try (MountedImage mounted = mount(image)) {
            for (int i = 0; i < 50; i++) {
                Files.write(mounted.path().resolve("file" + i), new byte[10_000]);
            }
            Files.delete(mounted.path().resolve("file7"));
            ExternalTool.run("mount", "-o", "remount,ro", mounted.path().toString());
            mounted.sync();
            assertExact(copy(image));
        }
        assertExact(image);
    }

    /** Every write is padded to the log's stripe unit, so that a few dozen of them go round. */
    @ParameterizedTest
    @ValueSource(strings = {"su=256k,size=19m", "su=4k,size=13m", "size=13m"})
    void isExactWhereverTheLogEnds(String log) throws IOException {
        Path image = make("-l", log, "-d", "agcount=2");
        Random random = new Random(log.hashCode());
        for (int round = 0; round < 8; round++) {
            try (MountedImage mounted = mount(image)) {
                for (int i = 0; i < 15 + random.nextInt(10); i++) {
                    Path file = mounted.path().resolve("file" + i);
                    Files.write(
                            file, new byte[random.nextInt(9000)], StandardOpenOption.CREATE, StandardOpenOption.SYNC);
                    if (random.nextInt(3) == 0) {
                        Files.delete(file);
                    }
                }
            }
            assertExact(image);
        }
        assertTrue(Xfsprogs.isLogClean(image));
        ReferenceChecker.Verdict verdict =
                ReferenceChecker.of("xfs").orElseThrow().check(image);
        assertTrue(verdict.clean(), verdict::text);
    }

    @Test
    void aFilesystemLargerThanItsVolumeIsCorrupt() throws IOException {
        Path image = make("-d", "agcount=2");
        ExternalTool.run("truncate", "--size=-4096", image.toString());
        assertEquals("corrupt", Xfsprogs.read(image).state().contractName());
    }

    @Test
    void aBrokenCopyOfTheSuperblockIsCorrupt() throws IOException {
        Path image = make("-d", "agcount=2", "-m", "crc=0");
        Xfsprogs.write(image, "sb 1", "write agblocks 1");
        FilesystemState state = Xfsprogs.read(image).state();
        assertEquals("corrupt", state.contractName());
        assertTrue(state.reasonText().contains("describes another filesystem"), state::reasonText);
    }

    @Test
    void anExternalLogAndARealtimeDeviceAreUnsupported() throws IOException {
        Path other = ExternalTool.sparse(directory.resolve("other"), 100 * MIB);
        Path image = make("-l", "logdev=" + other + ",size=20m");
        assertEquals("unsupported", Xfsprogs.read(image).state().contractName());
        Path realtime = make("-r", "rtdev=" + other + ",size=50m", "-m", "reflink=0");
        assertEquals("unsupported", Xfsprogs.read(realtime).state().contractName());
    }
}
