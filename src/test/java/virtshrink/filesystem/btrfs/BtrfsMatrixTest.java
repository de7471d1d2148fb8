package virtshrink.filesystem.btrfs;

import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.ExternalTool;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.MountedImage;
import virtshrink.filesystem.TreeDigest;
import virtshrink.filesystem.ZeroFreeSpace;

/**
 * Every checksum, profile, block size and feature, lived in by the kernel: the reader says what the filesystem's tools say, to the byte, and
 * once the free space is zeros, every file of every snapshot is what it was.
 */
class BtrfsMatrixTest {
    private static final long MIB = 1 << 20;
    private static final long GIB = 1 << 30;
    private static final String PLAIN = "rw";

    @TempDir
    Path directory;

    /** What happens after the life in it: a command on the mounted filesystem, or nothing. */
    private static final String NOTHING = "";

    /**
     * @param steps of life, 0 for a filesystem as it was made
     * @param ending a command of {@code btrfs} on the mounted filesystem; may be empty
     */
    record Image(long sizeBytes, int steps, String make, String mount, String ending) {
        @Override
        public String toString() {
            return "%d MiB, %d steps, %s, %s, %s".formatted(sizeBytes / MIB, steps, make, mount, ending);
        }
    }

    private static Image empty(long sizeBytes, String make) {
        return new Image(sizeBytes, 0, make, PLAIN, NOTHING);
    }

    private static Image lived(long sizeBytes, int steps, String make, String mount) {
        return new Image(sizeBytes, steps, make, mount, NOTHING);
    }

    static Stream<Image> images() {
        return Stream.of(
                empty(16 * MIB, "--mixed"),
                empty(109 * MIB, "--mixed --csum xxhash -n 4096"),
                empty(128 * MIB, "--csum crc32c -L label-of-a-btrfs"),
                empty(128 * MIB, "--csum xxhash -n 4096"),
                empty(256 * MIB, "--csum sha256 -d dup"),
                empty(256 * MIB, "--csum blake2 -m single"),
                empty(300 * MIB, "-s 16384 -n 16384"),
                empty(300 * MIB, "-s 65536 -n 65536 --csum blake2"),
                empty(300 * MIB, "-R ^free-space-tree -O ^no-holes,^skinny-metadata,^extref"),
                empty(3 * GIB + 5 * MIB, ""),
                empty(300 * GIB, "-m single --csum xxhash"),
                lived(64 * MIB, 50, "--mixed", PLAIN),
                lived(256 * MIB, 150, "--mixed -m dup -d dup --csum sha256", PLAIN),
                lived(128 * MIB, 50, "", PLAIN),
                lived(128 * MIB, 250, "", PLAIN),
                lived(200 * MIB, 50, "--csum xxhash", "compress=lzo"),
                lived(200 * MIB, 50, "--csum sha256", "compress=zstd"),
                lived(200 * MIB, 50, "--csum blake2", "compress-force=zlib"),
                lived(200 * MIB, 50, "-n 4096", PLAIN),
                lived(200 * MIB, 50, "-n 8192 --csum xxhash", PLAIN),
                lived(200 * MIB, 50, "-n 32768", PLAIN),
                lived(256 * MIB, 50, "-n 65536 --csum blake2", PLAIN),
                lived(200 * MIB, 50, "-m single -d single", PLAIN),
                lived(300 * MIB, 50, "-m dup -d dup", PLAIN),
                lived(200 * MIB, 50, "-R ^free-space-tree", "nospace_cache"),
                lived(200 * MIB, 50, "-R ^free-space-tree", "space_cache=v1"),
                lived(200 * MIB, 50, "-R ^free-space-tree", "space_cache=v2"),
                lived(200 * MIB, 50, "-O ^no-holes,^skinny-metadata,^extref -R ^free-space-tree", "space_cache=v1"),
                lived(200 * MIB, 50, "-R quota", PLAIN),
                lived(200 * MIB, 50, "-O raid1c34,raid56", "nodatacow"),
                lived(200 * MIB, 50, "", "discard=async"),
                lived(200 * MIB, 50, "", "autodefrag,max_inline=0"),
                new Image(400 * MIB, 50, "", PLAIN, "balance start --full-balance"),
                new Image(400 * MIB, 50, "", PLAIN, "balance start -f -mconvert=single -sconvert=single"),
                new Image(1 * GIB, 50, "-m single", PLAIN, "balance start -f -mconvert=dup -dconvert=dup"),
                new Image(500 * MIB, 50, "", PLAIN, "filesystem resize -120M"),
                new Image(500 * MIB, 50, "-n 4096 --csum sha256", PLAIN, "filesystem resize 300M"),
                new Image(5 * GIB, 50, "", PLAIN, "filesystem defragment -r"),
                new Image(200 * MIB, 50, "", PLAIN, "quota enable"),
                lived(300 * GIB, 50, "", PLAIN));
    }

    @BeforeAll
    static void needsTools() {
        BtrfsProgs.assumeInstalled();
    }

    @ParameterizedTest
    @MethodSource("images")
    void saysWhatTheToolsSayAndHarmsNothing(Image image) throws IOException {
        Path file = BtrfsProgs.make(directory.resolve("image"), image.sizeBytes(), image.make());
        if (image.steps() == 0) {
            FilesystemState.FreeSpace space = BtrfsProgs.assertExact(file);
            BtrfsProgs.zero(file, space.free());
            BtrfsProgs.assertClean(file);
            return;
        }
        TreeDigest before;
        try (MountedImage mounted = MountedImage.mount(file, directory.resolve("mounted"), image.mount())) {
            new BtrfsLife(mounted.path(), image.toString().hashCode(), 2 << 20).live(image.steps());
            if (!image.ending().isEmpty()) {
                ExternalTool.run(("btrfs " + image.ending() + " " + mounted.path()).split(" ", -1));
            }
            before = TreeDigest.of(mounted.path());
        }
        FilesystemState.FreeSpace space = BtrfsProgs.assertExact(file);
        BtrfsProgs.zero(file, space.free());
        if (image.sizeBytes() <= 128 * MIB) {
            ZeroFreeSpace.scribble(file, space.free(), image.steps());
        }
        BtrfsProgs.assertClean(file);
        try (MountedImage mounted = MountedImage.mount(file, directory.resolve("mounted"), "ro")) {
            before.assertSame(TreeDigest.of(mounted.path()), image.toString());
        }
    }
}
