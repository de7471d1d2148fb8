package virtshrink.filesystem.ext;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemState;

/** Filesystems as the kernel leaves them: dirty while mounted, exact afterwards, also after growing while mounted. */
class ExtKernelTest {
    @TempDir
    Path directory;

    @BeforeAll
    static void needsToolsAndRoot() throws IOException {
        E2fsprogs.assumeInstalled();
        Assumptions.assumeTrue(E2fsprogs.exists("mount"), "mount is not installed (package mount)");
        Assumptions.assumeTrue("root".equals(System.getProperty("user.name")), "mounting a loop device needs root");
        Assumptions.assumeTrue(
                Files.readString(Path.of("/proc/filesystems")).contains("ext4"), "this kernel has no ext4");
        Assumptions.assumeTrue(Files.exists(Path.of("/dev/loop-control")), "this kernel has no loop devices");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-t ext2 -b 1024",
                "-t ext3 -b 1024",
                "-t ext4",
                "-t ext4 -b 1024 -g 1024",
                "-t ext4 -b 1024 -O ^metadata_csum,uninit_bg",
                "-t ext4 -b 1024 -O ^has_journal",
                "-t ext4 -b 1024 -O fast_commit,orphan_file",
                "-t ext4 -b 1024 -O meta_bg,^resize_inode",
                "-t ext4 -b 4096 -C 16384 -O bigalloc"
            })
    void isDirtyWhileMountedAndExactAfterwards(String options) throws IOException {
        Path image = directory.resolve("image");
        Path mountPoint = Files.createDirectory(directory.resolve("mounted"));
        E2fsprogs.make(image, 48 << 20, options.split(" ", -1));
        mount(image, mountPoint);
        try {
            Random random = new Random(options.hashCode());
            for (int i = 0; i < 200; i++) {
                byte[] bytes = new byte[random.nextInt(60_000)];
                Files.write(mountPoint.resolve("file" + i), bytes);
            }
            for (int i = 0; i < 200; i += 1 + random.nextInt(3)) {
                Files.delete(mountPoint.resolve("file" + i));
            }
            E2fsprogs.run(List.of("sync", "-f", mountPoint.toString()));
            assertInstanceOf(FilesystemState.Dirty.class, read(image));
        } finally {
            E2fsprogs.run(List.of("umount", mountPoint.toString()));
        }
        assertExact(image);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-t ext4 -b 1024 -g 1024",
                "-t ext4 -b 1024 -O ^resize_inode",
                "-t ext4 -b 1024 -O ^flex_bg",
                "-t ext4 -b 1024 -O meta_bg,^resize_inode",
                "-t ext4 -b 1024 -O ^metadata_csum,uninit_bg,^64bit",
                "-t ext4 -b 4096 -C 16384 -O bigalloc"
            })
    void isExactAfterGrowingWhileMounted(String options) throws IOException {
        Path image = directory.resolve("image");
        Path mountPoint = Files.createDirectory(directory.resolve("mounted"));
        E2fsprogs.make(image, 40 << 20, options.split(" ", -1));
        E2fsprogs.run(List.of("truncate", "-s", "400M", image.toString()));
        mount(image, mountPoint);
        try {
            String device = E2fsprogs.run(List.of("findmnt", "-n", "-o", "SOURCE", mountPoint.toString()))
                    .trim();
            try {
                E2fsprogs.run(List.of("resize2fs", device, "333M"));
            } catch (AssertionError refused) {
                Assumptions.abort("growing a mounted filesystem is not possible here: " + refused.getMessage());
            }
            Files.write(mountPoint.resolve("file"), new byte[100_000]);
        } finally {
            E2fsprogs.run(List.of("umount", mountPoint.toString()));
        }
        assertExact(image);
    }

    private static void mount(Path image, Path mountPoint) throws IOException {
        try {
            E2fsprogs.run(List.of("mount", "-o", "loop", image.toString(), mountPoint.toString()));
        } catch (AssertionError refused) {
            Assumptions.abort("mounting is not possible here: " + refused.getMessage());
        }
    }

    private static void assertExact(Path image) throws IOException {
        E2fsprogs.Dump expected = E2fsprogs.dump(image);
        FilesystemState state = read(image);
        assertEquals(new FilesystemState.FreeSpace(expected.freeBytes(), expected.free()), state, state.reasonText());
    }

    private static FilesystemState read(Path image) throws IOException {
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            return new ExtReader().read(volume).state();
        }
    }
}
