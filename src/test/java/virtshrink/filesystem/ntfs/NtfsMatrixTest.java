package virtshrink.filesystem.ntfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.ExternalTool;
import virtshrink.block.FileBlockSource;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.MountedImage;
import virtshrink.filesystem.TreeDigest;
import virtshrink.filesystem.ZeroFreeSpace;

/** Every sector and cluster size, volumes from empty to full: the reader says what ntfsinfo says, and what it calls free nobody misses. */
class NtfsMatrixTest {
    private static final long KIB = 1 << 10;
    private static final long MIB = 1 << 20;

    @TempDir
    Path directory;

    enum Content {
        EMPTY,
        /** Files of all kinds. */
        USED,
        /** Many files, every other one deleted, then large ones in the gaps. */
        FRAGMENTED,
        /** No cluster left. */
        FULL,
        /** One file, written without mounting. */
        COPIED
    }

    record Image(long sizeBytes, Content content, String options) {
        @Override
        public String toString() {
            return "%d KiB, %s, %s".formatted(sizeBytes / KIB, content, options);
        }
    }

    private static Image image(long sizeBytes, Content content, String options) {
        return new Image(sizeBytes, content, options);
    }

    static Stream<Image> images() {
        return Stream.of(
                image(2 * MIB, Content.EMPTY, "-f"),
                image(2 * MIB, Content.FULL, "-f -c 512"),
                image(3 * MIB + 512, Content.COPIED, "-f -c 1024"),
                image(8 * MIB, Content.EMPTY, ""),
                image(8 * MIB, Content.USED, "-C"),
                image(10_240_000, Content.EMPTY, "-f"),
                image(16 * MIB, Content.USED, "-f -c 512"),
                image(16 * MIB + 1536, Content.FRAGMENTED, "-f -c 512"),
                image(16 * MIB, Content.USED, "-f -c 1024"),
                image(16 * MIB + 513 * KIB, Content.FRAGMENTED, "-f -c 2048"),
                image(24 * MIB, Content.FRAGMENTED, "-f -c 4096"),
                image(24 * MIB, Content.USED, "-c 4096 -L label"),
                image(24 * MIB + 7 * KIB, Content.USED, "-f -c 8192 -C"),
                image(24 * MIB, Content.FULL, "-f -c 16384"),
                image(24 * MIB, Content.USED, "-f -c 32768"),
                image(32 * MIB, Content.FRAGMENTED, "-f -c 65536"),
                image(32 * MIB, Content.USED, "-f -c 131072"),
                image(48 * MIB, Content.USED, "-f -c 262144"),
                image(64 * MIB, Content.USED, "-f -c 524288"),
                image(96 * MIB, Content.USED, "-f -c 1048576"),
                image(450 * MIB, Content.USED, "-f -c 2097152"),
                image(128 * MIB, Content.EMPTY, "-f -c 2097152"),
                image(16 * MIB, Content.USED, "-f -s 256 -c 1024"),
                image(16 * MIB, Content.COPIED, "-f -s 256 -c 4096"),
                image(16 * MIB, Content.USED, "-f -s 1024"),
                image(16 * MIB, Content.FRAGMENTED, "-f -s 1024 -c 1024"),
                image(16 * MIB, Content.USED, "-f -s 2048 -c 2048"),
                image(16 * MIB, Content.FRAGMENTED, "-f -s 2048 -c 65536"),
                image(16 * MIB, Content.EMPTY, "-f -s 4096"),
                image(16 * MIB, Content.USED, "-f -s 4096 -C"),
                image(20 * MIB + 12 * KIB, Content.FRAGMENTED, "-f -s 4096 -c 8192"),
                image(96 * MIB, Content.USED, "-f -s 4096 -c 1048576"),
                image(40 * MIB, Content.FULL, "-f -I"),
                image(12 * MIB, Content.USED, "-f -U -T"),
                image(70 * MIB, Content.FRAGMENTED, "-f"),
                image(5L << 30, Content.USED, "-f -L large"));
    }

    @BeforeAll
    static void needsTools() {
        Ntfs3g.assumeInstalled();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("images")
    void saysWhatTheToolsSayAndNobodyMissesWhatItCallsFree(Image wanted) throws IOException {
        Path image = Ntfs3g.make(directory.resolve("image"), wanted.sizeBytes(), wanted.options());
        Path mountPoint = directory.resolve("mount");
        boolean mounted = wanted.content() != Content.EMPTY && wanted.content() != Content.COPIED;
        if (wanted.content() == Content.COPIED) {
            ExternalTool.run("ntfscp", "-f", image.toString(), "/usr/bin/env", "copied");
        }
        if (mounted) {
            try (MountedImage mount = MountedImage.ntfs(image, mountPoint, NtfsLife.OPTIONS)) {
                NtfsLife life = new NtfsLife(mount.path(), wanted.toString().hashCode());
                switch (wanted.content()) {
                    case FRAGMENTED -> life.fragment();
                    case FULL -> life.fill();
                    default -> life.use();
                }
            }
        }
        FilesystemReport report;
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            report = new NtfsReader().read(volume);
        }
        FilesystemState.FreeSpace space = assertInstanceOf(
                FilesystemState.FreeSpace.class, report.state(), report.state().reasonText());
        assertEquals(Ntfs3g.freeBytes(image), space.freeBytes());
        RangeSet free = Ntfs3g.free(
                image, report.identity().blockBytes(), report.identity().totalBytes());
        if (wanted.options().contains("-s 256")) {
            assertTrue(space.free().subtract(free).isEmpty());
        } else {
            assertEquals(free, space.free());
        }
        String verdict = Ntfs3g.check(image);
        Optional<TreeDigest> tree = mounted ? Optional.of(digest(image, mountPoint)) : Optional.empty();
        ZeroFreeSpace.zero(image, space);
        if (wanted.sizeBytes() <= 64 * MIB) {
            ZeroFreeSpace.scribble(image, space.free(), wanted.toString().hashCode());
        }
        // To ntfsresize a full volume is an error, to ntfsfix a sector of 256 bytes.
        if (wanted.content() != Content.FULL && !wanted.options().contains("-s 256")) {
            Ntfs3g.assertClean(image);
        }
        assertEquals(verdict, Ntfs3g.check(image));
        if (tree.isPresent()) {
            tree.get().assertSame(digest(image, mountPoint), wanted.toString());
        }
    }

    private static TreeDigest digest(Path image, Path mountPoint) throws IOException {
        try (MountedImage mount = MountedImage.ntfs(image, mountPoint, "ro," + NtfsLife.OPTIONS)) {
            return TreeDigest.of(mount.path());
        }
    }
}
