package virtshrink.filesystem.fat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
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
import virtshrink.filesystem.ZeroFreeSpace;
import virtshrink.filesystem.fat.Dosfstools.Content;

/** Cluster sizes and contents of every kind: the reader says what dump.exfat says, and what it calls free may be overwritten. */
class ExfatMatrixTest {
    private static final long KIB = 1 << 10;
    private static final long MIB = 1 << 20;
    private static final long GIB = 1 << 30;
    private static final long TIB = 1L << 40;

    @TempDir
    Path directory;

    record Image(long sizeBytes, Content content, String options) {
        @Override
        public String toString() {
            return "%d KiB, %s, %s".formatted(sizeBytes / KIB, content, options);
        }
    }

    static Stream<Image> images() {
        return Stream.of(
                new Image(3 * MIB, Content.EMPTY, ""),
                new Image(3 * MIB, Content.USED, "-c 512"),
                new Image(5 * MIB, Content.FULL, "-c 512"),
                new Image(5 * MIB, Content.FRAGMENTED, "-c 512"),
                new Image(6 * MIB, Content.FRAGMENTED, "-c 1K"),
                new Image(8 * MIB, Content.USED, "-c 2K"),
                new Image(8 * MIB, Content.FULL, "-c 2K"),
                new Image(8 * MIB, Content.FRAGMENTED, ""),
                new Image(8 * MIB, Content.FULL, ""),
                new Image(10 * MIB, Content.EMPTY, "-b 4K"),
                new Image(10 * MIB, Content.USED, "-b 64K"),
                new Image(16 * MIB, Content.FRAGMENTED, "-c 8K -L volume"),
                new Image(40 * MIB, Content.USED, "-c 16K -b 8M"),
                new Image(16 * MIB + 512, Content.USED, "-c 512"),
                new Image(20 * MIB, Content.FRAGMENTED, "-c 512 -b 512"),
                new Image(20 * MIB, Content.USED, "-c 32K"),
                new Image(30 * MIB, Content.FRAGMENTED, "-c 64K"),
                new Image(30 * MIB, Content.EMPTY, "-c 128K"),
                new Image(40 * MIB, Content.FULL, "-c 128K"),
                new Image(40 * MIB, Content.USED, "-c 256K"),
                new Image(64 * MIB, Content.FRAGMENTED, "-c 512K"),
                new Image(64 * MIB, Content.USED, "-c 1M"),
                new Image(600 * MIB, Content.FRAGMENTED, "-c 4M"),
                new Image(GIB, Content.USED, "-c 32M"),
                new Image(64 * MIB + 3 * KIB, Content.FRAGMENTED, ""),
                new Image(255 * MIB, Content.USED, ""),
                new Image(257 * MIB, Content.FRAGMENTED, ""),
                new Image(300 * MIB, Content.EMPTY, "-c 512"),
                new Image(GIB, Content.FRAGMENTED, "-c 4K"),
                new Image(GIB, Content.USED, "-f"),
                new Image(31 * GIB, Content.USED, ""),
                new Image(33 * GIB, Content.FRAGMENTED, ""),
                new Image(40 * GIB, Content.EMPTY, "-c 4K"),
                new Image(2 * TIB, Content.USED, ""));
    }

    @BeforeAll
    static void needsTools() {
        Exfatprogs.assumeInstalled();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("images")
    void saysWhatTheToolsSayAndKeepsEveryFile(Image image) throws IOException {
        Path file = Exfatprogs.make(directory.resolve("image"), image.sizeBytes(), image.options());
        Exfatprogs.fill(file, image.content(), directory);
        ExternalTool.Result before = Exfatprogs.check(file);
        assertEquals(0, before.exitCode(), before.output());
        Map<String, String> contents = contents(file, image);

        FilesystemReport report = read(file);
        FilesystemState.FreeSpace space =
                assertInstanceOf(FilesystemState.FreeSpace.class, report.state(), report.toString());
        assertEquals(Exfatprogs.freeBytes(file), space.freeBytes());
        assertEquals(space.freeBytes(), space.free().totalBytes());
        assertEquals(Exfatprogs.clusterBytes(file), report.identity().blockBytes());
        assertEquals("exfat", report.identity().type());
        assertEquals(
                image.options().contains("-L volume") ? "volume" : "",
                report.identity().label());
        if (image.content() == Content.FULL) {
            assertTrue(space.freeBytes() < report.identity().totalBytes() / 10, report::toString);
        }

        RangeSet sample = Dosfstools.sample(space.free());
        ZeroFreeSpace.scribble(file, sample, image.sizeBytes());
        assertEquals(before, Exfatprogs.check(file));
        assertEquals(contents, contents(file, image));
        ZeroFreeSpace.zero(file, sample);
        assertEquals(before, Exfatprogs.check(file));
        assertEquals(space.free(), ((FilesystemState.FreeSpace) read(file).state()).free());
    }

    private Map<String, String> contents(Path file, Image image) throws IOException {
        if (image.content() == Content.EMPTY) {
            return Map.of();
        }
        try (MountedImage mounted = MountedImage.exfat(file, directory.resolve("mounted"), "ro")) {
            return Dosfstools.digests(mounted.path());
        }
    }

    private static FilesystemReport read(Path file) throws IOException {
        ExfatReader reader = new ExfatReader();
        try (FileBlockSource volume = FileBlockSource.open(file)) {
            assertTrue(reader.recognises(volume));
            return reader.read(volume);
        }
    }
}
