package virtshrink.filesystem.f2fs;

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
import virtshrink.block.ByteRange;
import virtshrink.block.FileBlockSource;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.ZeroFreeSpace;

/** Layouts and features of every kind: the reader says what dump.f2fs says, and what it calls free may be overwritten. */
class F2fsMatrixTest {
    private static final long MIB = 1 << 20;
    private static final long GIB = 1 << 30;

    @TempDir
    Path directory;

    /** @param files 0 for an empty one */
    record Image(long sizeBytes, int files, String options) {
        @Override
        public String toString() {
            return "%d MiB, %d files, %s".formatted(sizeBytes / MIB, files, options);
        }
    }

    static Stream<Image> images() {
        String all = "-O encrypt,extra_attr,project_quota,inode_checksum,flexible_inline_xattr,quota,inode_crtime,"
                + "lost_found,verity,sb_checksum,casefold,compression -C utf8";
        return Stream.of(
                new Image(52 * MIB, 0, ""),
                new Image(64 * MIB, 0, "-a 1"),
                new Image(64 * MIB, 12, ""),
                new Image(64 * MIB, 12, "-a 1"),
                new Image(64 * MIB, 12, "-l label -U 00112233-4455-6677-8899-aabbccddeeff"),
                new Image(64 * MIB, 12, "-O sb_checksum"),
                new Image(64 * MIB, 12, "-O extra_attr,inode_checksum,sb_checksum"),
                new Image(64 * MIB, 12, "-O encrypt,verity"),
                new Image(64 * MIB, 12, "-O extra_attr,project_quota,quota"),
                new Image(64 * MIB, 12, "-O extra_attr,flexible_inline_xattr,inode_crtime"),
                new Image(64 * MIB, 12, "-O lost_found"),
                new Image(64 * MIB, 12, "-O casefold -C utf8"),
                new Image(100 * MIB, 12, "-O extra_attr,compression"),
                new Image(100 * MIB, 12, all),
                new Image(64 * MIB, 12, "-i"),
                new Image(64 * MIB, 12, "-g android"),
                new Image(200 * MIB, 12, "-o 30"),
                new Image(64 * MIB, 12, "-r"),
                new Image(64 * MIB, 12, "-w 4096"),
                new Image(200 * MIB, 12, "-s 2"),
                new Image(300 * MIB, 12, "-s 4 -z 2"),
                new Image(100 * MIB + 12345 * 512, 12, ""),
                new Image(200 * MIB, 100, ""),
                new Image(300 * MIB, 100, "-a 1 -i"),
                new Image(500 * MIB, 60, all),
                new Image(GIB, 12, ""),
                new Image(4 * GIB, 12, "-i -O sb_checksum"),
                new Image(10 * GIB, 12, ""),
                new Image(20 * GIB, 0, ""),
                new Image(64 * MIB, 30, "-O extra_attr,inode_checksum,sb_checksum,inode_crtime -r"));
    }

    @BeforeAll
    static void needsTools() {
        F2fsTools.assumeInstalled();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("images")
    void saysWhatTheToolsSayAndKeepsEveryFile(Image image) throws IOException {
        Path file = F2fsTools.make(directory.resolve("image"), image.sizeBytes(), image.options());
        if (image.files() > 0) {
            F2fsTools.fill(file, directory, image.files());
        }
        String before = F2fsTools.check(file);
        Map<String, Integer> contents = contents(file, image);
        assertTrue(before.startsWith("0 "), before);

        FilesystemReport report = read(file);
        FilesystemState.FreeSpace space =
                assertInstanceOf(FilesystemState.FreeSpace.class, report.state(), report.toString());
        assertEquals(F2fsTools.freeBytes(file), space.freeBytes());
        assertEquals(space.freeBytes(), space.free().totalBytes());
        assertEquals("f2fs", report.identity().type());
        assertEquals(4096, report.identity().blockBytes());
        if (image.options().contains("-l ")) {
            assertEquals("label", report.identity().label());
            assertEquals(
                    "00112233-4455-6677-8899-aabbccddeeff", report.identity().uuid());
        }

        RangeSet sample = sample(space.free());
        ZeroFreeSpace.scribble(file, sample, image.sizeBytes());
        assertEquals(before, F2fsTools.check(file));
        assertEquals(contents, contents(file, image));
        ZeroFreeSpace.zero(file, sample);
        assertEquals(space.free(), ((FilesystemState.FreeSpace) read(file).state()).free());
    }

    private Map<String, Integer> contents(Path file, Image image) throws IOException {
        // One process for each file, twice: some images have to do.
        if (image.files() != 12
                || image.sizeBytes() > 64 * MIB
                || image.options().contains(",")) {
            return Map.of();
        }
        Map<String, Integer> contents = F2fsTools.contents(file, directory, image.files());
        assertTrue(contents.size() > image.files() / 2, contents::toString);
        return contents;
    }

    /** The beginning and the end of every range: what is not free lies beside what is. */
    private static RangeSet sample(RangeSet free) {
        RangeSet.Builder sample = RangeSet.builder();
        for (ByteRange range : free) {
            long most = Math.min(range.lengthBytes(), 2 << 20);
            sample.add(range.startBytes(), most);
            sample.add(range.endBytes() - most, most);
        }
        return sample.build();
    }

    private static FilesystemReport read(Path file) throws IOException {
        F2fsReader reader = new F2fsReader();
        try (FileBlockSource volume = FileBlockSource.open(file)) {
            assertTrue(reader.recognises(volume));
            return reader.read(volume);
        }
    }
}
