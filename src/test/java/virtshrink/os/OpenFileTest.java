package virtshrink.os;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OpenFileTest {
    @TempDir
    Path directory;

    @Test
    void newFileHasExactlyItsModeWhateverTheUmask() throws Exception {
        for (int mode : new int[] {0600, 0666, 0777, 0640, 0400, 02770}) {
            try (OpenFile file = OpenFile.createExclusive(directory.resolve("mode" + mode), mode)) {
                assertEquals(mode, file.status().permissions());
            }
        }
    }

    @Test
    void newFileNeverReplacesAnything() throws Exception {
        Path present = Files.writeString(directory.resolve("present"), "content");
        Path dangling = Files.createSymbolicLink(directory.resolve("dangling"), Path.of("nowhere"));
        for (Path path : new Path[] {present, dangling, directory}) {
            OsException refused = assertThrows(OsException.class, () -> OpenFile.createExclusive(path, 0600));
            assertTrue(refused.is(Errno.EEXIST));
        }
        assertEquals("content", Files.readString(present));
        assertFalse(Files.exists(directory.resolve("nowhere")));
    }

    @Test
    void failureNamesCallPathAndError() {
        Path missing = directory.resolve("missing");
        OsException failure = assertThrows(OsException.class, () -> OpenFile.readOnly(missing));
        assertEquals("open " + missing + ": ENOENT (No such file or directory)", failure.getMessage());
        assertEquals("open", failure.call());
        assertEquals(Errno.ENOENT, failure.errno().orElseThrow());
        assertFalse(failure.isUnsupported());
    }

    @ParameterizedTest
    @ValueSource(strings = {"blank name", "100%25 %", "ümläut", "#?&;", "trailing.", "new\nline"})
    void opensWhateverAFileIsCalled(String name) throws Exception {
        Path path = directory.resolve(name);
        try (OpenFile file = OpenFile.createExclusive(path, 0600)) {
            file.content().write(new byte[] {1}, 0);
        }
        assertEquals(1, Files.size(path));
        assertEquals(1, FileStatus.of(path).sizeBytes());
    }

    @Test
    void opensAFileWhoseNameIsNoText() throws Exception {
        try (PythonChild child = new PythonChild(
                "import os,sys; open(os.fsencode(sys.argv[1]) + b'/\\xff\\xfe', 'w').write('abc')", directory)) {
            assertEquals(0, child.process().waitFor());
        }
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            for (Path entry : entries) {
                assertEquals(3, FileStatus.of(entry).sizeBytes());
            }
        }
    }

    @Test
    void aPipeWithoutWriterDoesNotHangTheOpener() throws Exception {
        Path pipe = directory.resolve("pipe");
        LoopMount.run("mkfifo", pipe.toString());
        assertTimeoutPreemptively(Duration.ofSeconds(10), () -> {
            try (OpenFile file = OpenFile.readOnly(pipe)) {
                assertFalse(file.status().regularFile());
            }
        });
    }

    @Test
    void childProcessesInheritNothing() throws Exception {
        int closeOnExec = 02000000;
        Path path = directory.resolve("private");
        OpenFile.createExclusive(path, 0600).close();
        for (OpenFile file : List.of(
                OpenFile.readOnly(path),
                OpenFile.readWrite(path),
                OpenFile.directory(directory),
                OpenFile.createExclusive(directory.resolve("new"), 0600))) {
            try (file) {
                String flags = Files.readAllLines(Path.of("/proc/self/fdinfo/" + file.descriptor())).stream()
                        .filter(line -> line.startsWith("flags:"))
                        .findFirst()
                        .orElseThrow();
                assertEquals(closeOnExec, Integer.parseInt(flags.substring(6).trim(), 8) & closeOnExec);
            }
        }
    }

    @Test
    void closedFileIsUsedNoMore() throws Exception {
        OpenFile file = OpenFile.directory(directory);
        assertTrue(file.status().directory());
        file.close();
        file.close();
        assertThrows(IllegalStateException.class, file::sync);
    }

    @Test
    void directoryIsNothingElse() throws Exception {
        Path plain = Files.writeString(directory.resolve("plain"), "x");
        assertTrue(
                assertThrows(OsException.class, () -> OpenFile.directory(plain)).is(Errno.ENOTDIR));
    }

    @Test
    void readsAndWritesAtOffsets() throws Exception {
        try (OpenFile file = OpenFile.createExclusive(directory.resolve("file"), 0600)) {
            file.content().write("hello".getBytes(UTF_8), 1 << 20);
            byte[] back = new byte[8];
            assertEquals(5, file.content().read(back, 1 << 20));
            assertArrayEquals("hello\0\0\0".getBytes(UTF_8), back);
            assertEquals(0, file.content().read(back, 2 << 20));
            assertEquals(
                    4, file.content().writeSome(ByteBuffer.allocateDirect(4096).position(100), 4, 1 << 20));
            assertEquals(5, file.content().read(back, 1 << 20));
            assertArrayEquals("\0\0\0\0o\0\0\0".getBytes(UTF_8), back);
            file.syncData();
            file.sync();
            file.content().truncate(3);
            assertEquals(3, file.status().sizeBytes());
        }
    }

    @Test
    void findsDataAndHolesAndMakesThem() throws Exception {
        long block = 65536;
        try (OpenFile file = OpenFile.createExclusive(directory.resolve("sparse"), 0600)) {
            file.content().write(new byte[2 * 65536], block);
            file.content().truncate(5 * block);
            assertEquals(OptionalLong.of(block), file.content().seekData(0));
            assertEquals(OptionalLong.of(3 * block), file.content().seekHole(block));
            assertEquals(OptionalLong.empty(), file.content().seekData(3 * block));
            assertEquals(OptionalLong.empty(), file.content().seekHole(5 * block));
            file.content().punchHole(block, block);
            assertEquals(OptionalLong.of(2 * block), file.content().seekData(0));
            assertEquals(5 * block, file.status().sizeBytes());
        }
    }

    @Test
    void statusIsThatOfJavaWhereJavaKnowsIt() throws Exception {
        Path path = Files.write(directory.resolve("file"), new byte[10_000]);
        Files.createLink(directory.resolve("second name"), path);
        FileStatus status = FileStatus.of(path);
        assertEquals(Files.getAttribute(path, "unix:dev"), status.device());
        assertEquals(Files.getAttribute(path, "unix:ino"), status.inode());
        assertEquals(Files.getAttribute(path, "unix:mode"), status.mode());
        assertEquals(Files.getAttribute(path, "unix:uid"), status.uid());
        assertEquals(Files.getAttribute(path, "unix:gid"), status.gid());
        assertEquals(2, status.links());
        assertEquals(10_000, status.sizeBytes());
        Instant modified = Instant.ofEpochSecond(status.mtimeSeconds(), status.mtimeNanos());
        assertEquals(Files.getLastModifiedTime(path).toMillis(), modified.toEpochMilli());
        Instant changed = Instant.ofEpochSecond(status.ctimeSeconds(), status.ctimeNanos());
        assertEquals(((FileTime) Files.getAttribute(path, "unix:ctime")).toMillis(), changed.toEpochMilli());
        assertEquals(
                Long.parseLong(
                        LoopMount.run("stat", "-c", "%b", path.toString()).trim()),
                status.allocatedBytes() / 512);
    }

    @Test
    void statusTellsALinkFromItsTarget() throws Exception {
        Path target = Files.writeString(directory.resolve("target"), "x");
        Path link = Files.createSymbolicLink(directory.resolve("link"), target);
        Path toDirectory = Files.createSymbolicLink(directory.resolve("to directory"), directory);
        assertTrue(FileStatus.ofLink(link).symlink());
        assertTrue(FileStatus.ofLink(toDirectory).symlink());
        assertTrue(FileStatus.of(toDirectory).directory());
        assertEquals(FileStatus.of(target).identity(), FileStatus.of(link).identity());
    }

    @Test
    void setsTimeOwnerAndMode() throws Exception {
        Path path = Files.writeString(directory.resolve("file"), "x");
        FileTime accessed = FileTime.from(1_000_000, TimeUnit.SECONDS);
        Files.setAttribute(path, "lastAccessTime", accessed);
        FileStatus before = FileStatus.of(path);
        try (OpenFile file = OpenFile.readOnly(path)) {
            file.inode().setModificationTime(1_234_567_890, 987_654_321);
            if (Hosts.effectiveUid() == 0) {
                file.inode().chown(-2, 12345); // as unsigned: 4294967294
                assertEquals(-2, file.status().uid());
                assertEquals(12345, file.status().gid());
            }
            file.inode().chmod(0640);
            assertEquals(0640, file.status().permissions());
            assertEquals(1_234_567_890, file.status().mtimeSeconds());
            assertEquals(987_654_321, file.status().mtimeNanos());
            assertFalse(file.status().unchangedSince(before));
            assertTrue(file.status().unchangedSince(file.status()));
        }
        assertEquals(accessed, Files.getAttribute(path, "lastAccessTime"));
    }
}
