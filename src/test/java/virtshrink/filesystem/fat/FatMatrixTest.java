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
import virtshrink.block.FileBlockSource;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.ZeroFreeSpace;
import virtshrink.filesystem.fat.Dosfstools.Content;

/** Everything that moves a cluster, from empty to full: the reader says what fsck.fat says, and what it calls free may be overwritten. */
class FatMatrixTest {
    private static final long KIB = 1 << 10;
    private static final long MIB = 1 << 20;
    private static final long GIB = 1 << 30;

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
                new Image(64 * KIB, Content.EMPTY, "-F 12"),
                new Image(360 * KIB, Content.USED, "-F 12"),
                new Image(720 * KIB, Content.FULL, "-F 12"),
                new Image(1440 * KIB, Content.FRAGMENTED, ""),
                new Image(2880 * KIB, Content.USED, "-n LABEL -i 1234abcd"),
                new Image(MIB, Content.FRAGMENTED, "-F 12 -s 1 -f 1"),
                new Image(4 * MIB, Content.FULL, "-F 12 -s 4 -r 112"),
                new Image(4 * MIB + 3 * KIB, Content.USED, "-F 12 -s 8 -R 7 -M 0xF0"),
                new Image(8 * MIB, Content.FRAGMENTED, "-F 12 -S 1024"),
                new Image(8 * MIB, Content.USED, "-F 12 -S 2048 -s 2"),
                new Image(16 * MIB, Content.USED, "-F 12 -S 4096 -f 1"),
                new Image(16 * MIB, Content.EMPTY, "-F 12 -s 128"),
                new Image(16 * MIB, Content.EMPTY, "-F 16"),
                new Image(5 * MIB, Content.FRAGMENTED, "-F 16 -s 1"),
                new Image(20 * MIB, Content.FULL, "-F 16 -s 2 -a"),
                new Image(20 * MIB, Content.USED, "-F 16 -s 4 -f 1 -r 16"),
                new Image(32 * MIB, Content.FRAGMENTED, "-F 16 -s 4 -r 4096"),
                new Image(33 * MIB, Content.USED, "-F 16 -S 1024 -h 2048 -D 0x80"),
                new Image(64 * MIB, Content.FRAGMENTED, "-F 16 -S 2048"),
                new Image(128 * MIB, Content.USED, "-F 16 -S 4096 -R 3"),
                new Image(128 * MIB + 511, Content.USED, "-F 16 -f 2 -I"),
                new Image(300 * MIB, Content.FRAGMENTED, "-F 16 -s 128"),
                new Image(2 * GIB - MIB, Content.USED, "-F 16 -s 64"),
                new Image(40 * MIB, Content.FRAGMENTED, "-F 32 -s 1"),
                new Image(34 * MIB, Content.FULL, "-F 32 -s 1"),
                new Image(64 * MIB, Content.USED, "-F 32 -n EFI -i cafebabe"),
                new Image(100 * MIB, Content.FRAGMENTED, "-F 32 -f 1 -R 9 -b 3"),
                new Image(100 * MIB, Content.USED, "-F 32 -s 2 -a -b 0"),
                new Image(300 * MIB, Content.FRAGMENTED, "-F 32 -s 8 -R 100"),
                new Image(300 * MIB, Content.USED, "-F 32 -S 1024 -s 1"),
                new Image(600 * MIB, Content.USED, "-F 32 -S 2048 -s 1"),
                new Image(400 * MIB, Content.FRAGMENTED, "-F 32 -S 4096 -s 1"),
                new Image(10 * GIB, Content.USED, "-F 32"),
                new Image(40 * GIB, Content.FRAGMENTED, "-F 32 -s 64"),
                new Image(70 * GIB, Content.USED, "-F 32 -s 128 -f 2"),
                // Fewer clusters than the specification wants for its type; no driver takes these for anything else,
                // and
                // mtools, which does, can put nothing into them.
                new Image(MIB, Content.EMPTY, "-F 32 -s 1"),
                new Image(16 * MIB, Content.EMPTY, "-F 32 -s 1"),
                new Image(100 * MIB, Content.EMPTY, "-F 32 -s 8"));
    }

    @BeforeAll
    static void needsTools() {
        Dosfstools.assumeInstalled();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("images")
    void saysWhatTheCheckerSaysAndKeepsEveryFile(Image image) throws IOException {
        Path file = Dosfstools.make(directory.resolve("image"), image.sizeBytes(), image.options());
        Dosfstools.fill(file, image.content(), directory);
        Dosfstools.Check before = Dosfstools.check(file);
        Map<String, String> contents = Dosfstools.contents(file, directory);

        FilesystemReport report = read(file);
        FilesystemState.FreeSpace space =
                assertInstanceOf(FilesystemState.FreeSpace.class, report.state(), report.toString());
        assertEquals(before.freeBytes(), space.freeBytes());
        assertEquals(before.freeBytes(), space.free().totalBytes());
        assertEquals("vfat", report.identity().type());
        assertEquals(before.clusterBytes(), report.identity().blockBytes());
        if (image.options().contains("-n EFI")) {
            assertEquals("EFI", report.identity().label());
            assertEquals("CAFE-BABE", report.identity().uuid());
        }
        if (image.content() == Content.FULL) {
            assertEquals(0, space.freeBytes());
        } else if (image.content() != Content.EMPTY) {
            assertTrue(contents.size() > 5, contents::toString);
        }

        RangeSet sample = Dosfstools.sample(space.free());
        ZeroFreeSpace.scribble(file, sample, image.sizeBytes());
        assertEquals(before, Dosfstools.check(file));
        assertEquals(contents, Dosfstools.contents(file, directory));
        ZeroFreeSpace.zero(file, sample);
        assertEquals(before, Dosfstools.check(file));
        assertEquals(space.free(), ((FilesystemState.FreeSpace) read(file).state()).free());
    }

    private static FilesystemReport read(Path file) throws IOException {
        FatReader reader = new FatReader();
        try (FileBlockSource volume = FileBlockSource.open(file)) {
            assertTrue(reader.recognises(volume));
            return reader.read(volume);
        }
    }
}
