package virtshrink.filesystem.xfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.ExternalTool;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.MountedImage;
import virtshrink.filesystem.ReferenceChecker;
import virtshrink.filesystem.TreeDigest;
import virtshrink.filesystem.ZeroFreeSpace;

/** Every feature that moves a block, in filesystems from empty to full: the reader says what xfs_db says, to the byte. */
class XfsMatrixTest {
    private static final long MIB = 1 << 20;
    private static final long GIB = 1 << 30;
    private static final long TIB = 1L << 40;
    /** Reading the holes of larger files takes longer than it is worth. */
    private static final long MOST_ZEROED_BYTES = 800 * MIB;

    @TempDir
    Path directory;

    enum Content {
        EMPTY,
        /** Files that mkfs.xfs itself writes: current kernels do not mount version 4. */
        WRITTEN_BY_MKFS,
        /** Files, some of them punched, shared, deleted, with attributes. */
        USED,
        /** Thousands of inodes, most of them gone again. */
        INODES,
        /** No block left. */
        FULL,
        /** Made in a part of the volume, and grown while mounted. */
        GROWN
    }

    record Image(long sizeBytes, Content content, String options) {
        @Override
        public String toString() {
            return "%d MiB, %s, %s".formatted(sizeBytes / MIB, content, options);
        }
    }

    private static Image image(long sizeBytes, Content content, String options) {
        return new Image(sizeBytes, content, options);
    }

    static Stream<Image> images() {
        return Stream.of(
                image(16 * MIB, Content.EMPTY, "-m crc=0"),
                image(100 * MIB, Content.WRITTEN_BY_MKFS, "-m crc=0 -b size=512 -l version=1"),
                image(100 * MIB, Content.WRITTEN_BY_MKFS, "-m crc=0 -b size=1024 -l version=2,su=32k -n ftype=1"),
                image(100 * MIB, Content.WRITTEN_BY_MKFS, "-m crc=0 -b size=4096 -i size=2048,attr=1 -l lazy-count=0"),
                image(200 * MIB, Content.WRITTEN_BY_MKFS, "-m crc=0 -b size=65536 -d agcount=3"),
                image(100 * MIB, Content.WRITTEN_BY_MKFS, "-m crc=0 -s size=4096 -n version=ci -i projid32bit=0"),
                image(10 * TIB, Content.EMPTY, "-m crc=0 -l size=64m"),
                image(100 * MIB, Content.EMPTY, ""),
                image(100 * MIB, Content.USED, "-L label-of-12b -m uuid=00112233-4455-6677-8899-aabbccddeeff"),
                image(100 * MIB, Content.USED, "-m finobt=0,reflink=0,inobtcount=0,bigtime=0 -i sparse=0"),
                image(100 * MIB, Content.USED, "-m finobt=1,rmapbt=1,reflink=1,inobtcount=1,bigtime=1 -i nrext64=1"),
                image(100 * MIB, Content.USED, "-m rmapbt=1,reflink=0 -d agcount=1 -l size=20m"),
                image(201 * MIB, Content.USED, "-m rmapbt=0,reflink=1 -d agcount=9 -i size=2048 -l size=10m"),
                image(100 * MIB, Content.USED, "-m rmapbt=1 -b size=1024 -i size=512"),
                image(100 * MIB, Content.USED, "-b size=2048 -i size=1024 -d su=16k,sw=3 -l su=8k"),
                image(100 * MIB, Content.USED, "-m rmapbt=1 -b size=8192 -n size=16384"),
                image(200 * MIB, Content.USED, "-b size=16384 -s size=4096"),
                image(300 * MIB, Content.USED, "-m rmapbt=1 -b size=65536 -d agcount=2"),
                image(300 * MIB, Content.WRITTEN_BY_MKFS, "-b size=32768 -l su=256k"),
                image(200 * MIB, Content.USED, "-s size=4096 -l su=256k,size=30m"),
                image(100 * MIB, Content.USED, "-d sunit=128,swidth=384,agcount=4"),
                image(2 * GIB, Content.USED, "-l size=500m"),
                image(100 * MIB, Content.USED, "-l agnum=0 -d agcount=5"),
                image(164 * MIB, Content.USED, "-d agsize=16m -l size=10m"),
                image(107 * MIB + 4096 * 5, Content.USED, "-d agsize=40m -m rmapbt=1"),
                image(200 * MIB, Content.USED, "-d size=77m"),
                image(100 * MIB, Content.INODES, ""),
                image(100 * MIB, Content.INODES, "-m rmapbt=1 -b size=1024 -i size=512,sparse=1"),
                image(100 * MIB, Content.INODES, "-m finobt=0 -i size=1024,sparse=0"),
                image(50 * MIB, Content.FULL, "-d agcount=2"),
                image(50 * MIB, Content.FULL, "-m rmapbt=1 -b size=1024"),
                image(600 * MIB, Content.GROWN, "-d size=70m"),
                image(601 * MIB, Content.GROWN, "-d size=70m -m rmapbt=1 -b size=1024"),
                image(300 * MIB, Content.GROWN, "-d size=100m,agsize=90m -m reflink=0"),
                image(15 * TIB, Content.EMPTY, "-m rmapbt=1 -l size=2000m"),
                image(30 * GIB, Content.USED, "-d agsize=1g"));
    }

    @BeforeAll
    static void needsTools() {
        Xfsprogs.assumeInstalled();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("images")
    void saysWhatTheFilesystemsOwnToolSays(Image image) throws IOException {
        Path file = directory.resolve("image");
        Path mountPoint = directory.resolve("mounted");
        String options = image.options();
        if (image.content() == Content.WRITTEN_BY_MKFS) {
            options += " -p " + prototype();
        }
        Xfsprogs.make(
                file,
                image.sizeBytes(),
                Stream.of(options.split(" ", -1))
                        .filter(option -> !option.isEmpty())
                        .toArray(String[]::new));
        boolean mountable = image.content() != Content.EMPTY && image.content() != Content.WRITTEN_BY_MKFS;
        Optional<TreeDigest> before =
                mountable ? Optional.of(fill(file, mountPoint, image.content())) : Optional.empty();

        Xfsprogs.Reference expected = Xfsprogs.reference(file);
        FilesystemReport report = Xfsprogs.read(file);
        FilesystemState.FreeSpace space =
                assertInstanceOf(FilesystemState.FreeSpace.class, report.state(), report.toString());
        assertEquals(expected.freeBytes(), space.freeBytes());
        assertEquals(expected.free(), space.free());
        assertEquals(expected.freeBytes(), space.free().totalBytes());
        assertEquals(expected.blockBytes(), report.identity().blockBytes());
        assertEquals(expected.totalBytes(), report.identity().totalBytes());
        if (options.startsWith("-L")) {
            assertEquals("label-of-12b", report.identity().label());
            assertEquals(
                    "00112233-4455-6677-8899-aabbccddeeff", report.identity().uuid());
        }
        assertTrue(Xfsprogs.isLogClean(file));
        if (image.sizeBytes() <= MOST_ZEROED_BYTES) {
            surviveZeroing(file, space, mountPoint, before);
        }
    }

    private void surviveZeroing(
            Path file, FilesystemState.FreeSpace space, Path mountPoint, Optional<TreeDigest> before)
            throws IOException {
        ZeroFreeSpace.zero(file, space);
        ReferenceChecker.Verdict verdict =
                ReferenceChecker.of("xfs").orElseThrow().check(file);
        assertTrue(verdict.clean(), verdict::text);
        assertEquals(space, Xfsprogs.read(file).state());
        if (before.isPresent()) {
            try (MountedImage mounted = MountedImage.mount(file, mountPoint, "ro,nouuid")) {
                before.get().assertSame(TreeDigest.of(mounted.path()), "after zeroing");
            }
        }
    }

    private TreeDigest fill(Path file, Path mountPoint, Content content) throws IOException {
        try (MountedImage mounted = MountedImage.mount(file, mountPoint, "rw,nouuid")) {
            Path root = mounted.path();
            Random random = new Random(content.name().hashCode());
            switch (content) {
                case INODES -> {
                    for (int i = 0; i < 3000; i++) {
                        Files.createFile(root.resolve("inode" + i));
                    }
                    for (int i = 0; i < 3000; i += 1 + random.nextInt(3) * (i < 1500 ? 1 : 0)) {
                        Files.delete(root.resolve("inode" + i));
                    }
                }
                case FULL -> fillUp(root);
                case GROWN -> {
                    use(root, random);
                    ExternalTool.run("xfs_growfs", root.toString());
                }
                default -> {}
            }
            if (content != Content.FULL) {
                use(Files.createDirectory(root.resolve("later")), random);
            }
            return TreeDigest.of(root);
        }
    }

    private static void fillUp(Path root) throws IOException {
        for (int i = 0; i < 100_000; i++) {
            try {
                Files.write(root.resolve("file" + i), new byte[i % 7 == 0 ? 10 : 300_000]);
            } catch (IOException full) {
                return;
            }
        }
    }

    private static void use(Path root, Random random) throws IOException {
        byte[] noise = new byte[1 << 20];
        random.nextBytes(noise);
        Path large = Files.write(root.resolve("large"), noise);
        StringBuilder punches = new StringBuilder();
        for (int i = 0; i < 40; i++) {
            Path file = root.resolve("file" + i);
            byte[] bytes = new byte[random.nextInt(90_000)];
            random.nextBytes(bytes);
            Files.write(file, bytes);
            punches.append("fpunch %d %d\n".formatted(random.nextInt(1 << 20), random.nextInt(30_000) + 1));
        }
        ExternalTool.attempt(
                "",
                "cp",
                "--reflink=auto",
                large.toString(),
                root.resolve("shared").toString());
        ExternalTool.attempt(punches.toString(), "xfs_io", large.toString());
        ExternalTool.attempt(
                "",
                "setfattr",
                "-n",
                "user.long",
                "-v",
                "x".repeat(3000),
                root.resolve("file1").toString());
        for (int i = 0; i < 40; i += 1 + random.nextInt(3)) {
            Files.delete(root.resolve("file" + i));
        }
    }

    private Path prototype() throws IOException {
        Path some = directory.resolve("some");
        byte[] noise = new byte[100_000];
        new Random(5).nextBytes(noise);
        Files.write(some, noise);
        StringBuilder prototype = new StringBuilder("/dev/null\n0 0\nd--755 0 0\n");
        for (int i = 0; i < 200; i++) {
            prototype.append("file%d ---644 0 0 %s\n".formatted(i, some));
        }
        return Files.writeString(directory.resolve("prototype"), prototype.append("$\n"));
    }

    @ParameterizedTest
    @MethodSource("changes")
    void isExactAfterAnAdministratorsChange(List<String> command) throws IOException {
        Path file = Xfsprogs.make(directory.resolve("image"), 100 * MIB, "-m", "rmapbt=1");
        Path mountPoint = directory.resolve("mounted");
        TreeDigest before = fill(file, mountPoint, Content.USED);
        ExternalTool.run(command.stream()
                .map(word -> word.replace("IMAGE", file.toString()))
                .toArray(String[]::new));
        Xfsprogs.Reference expected = Xfsprogs.reference(file);
        FilesystemState.FreeSpace space = assertInstanceOf(
                FilesystemState.FreeSpace.class, Xfsprogs.read(file).state(), () -> "%s".formatted(command));
        assertEquals(expected.free(), space.free());
        assertEquals(expected.freeBytes(), space.freeBytes());
        surviveZeroing(file, space, mountPoint, Optional.of(before));
    }

    static Stream<List<String>> changes() {
        return Stream.of(
                List.of("xfs_admin", "-U", "generate", "IMAGE"),
                List.of("xfs_admin", "-L", "other", "IMAGE"),
                List.of("xfs_repair", "-L", "IMAGE"),
                List.of("xfs_repair", "-f", "IMAGE"));
    }
}
