package virtshrink.filesystem.fat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import virtshrink.block.FileBlockSource;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FreeSpaceReader;
import virtshrink.filesystem.ZeroFreeSpace;
import virtshrink.filesystem.fat.Dosfstools.Content;

/** What is to be shown of every volume of a matrix, whatever its format. */
final class FatMatrix {
    static final long KIB = 1 << 10;
    static final long MIB = 1 << 20;
    static final long GIB = 1 << 30;

    private FatMatrix() {}

    /** A volume to be made. */
    record Image(long sizeBytes, Content content, String options) {
        @Override
        public String toString() {
            return "%d KiB, %s, %s".formatted(sizeBytes / KIB, content, options);
        }
    }

    /** Those who know the format. */
    interface Tools {
        /** Everything that the checker says. */
        Object check(Path image) throws IOException;

        long freeBytes(Path image) throws IOException;

        long clusterBytes(Path image) throws IOException;

        /** Path and checksum of every file. */
        Map<String, String> contents(Path image) throws IOException;
    }

    /** What was found. */
    record Proof(FilesystemReport report, FilesystemState.FreeSpace space, Map<String, String> contents) {}

    /** The reader says what the tools say, and what it calls free may be overwritten: they and every file are the same afterwards. */
    static Proof prove(FreeSpaceReader reader, Tools tools, Path file, long seed) throws IOException {
        Object before = tools.check(file);
        Map<String, String> contents = tools.contents(file);

        FilesystemReport report = read(reader, file);
        FilesystemState.FreeSpace space =
                assertInstanceOf(FilesystemState.FreeSpace.class, report.state(), report.toString());
        assertEquals(tools.freeBytes(file), space.freeBytes());
        assertEquals(space.freeBytes(), space.free().totalBytes());
        assertEquals(tools.clusterBytes(file), report.identity().blockBytes());

        RangeSet sample = Dosfstools.sample(space.free());
        ZeroFreeSpace.scribble(file, sample, seed);
        assertEquals(before, tools.check(file));
        assertEquals(contents, tools.contents(file));
        ZeroFreeSpace.zero(file, sample);
        assertEquals(before, tools.check(file));
        assertEquals(space, read(reader, file).state());
        return new Proof(report, space, contents);
    }

    private static FilesystemReport read(FreeSpaceReader reader, Path file) throws IOException {
        try (FileBlockSource volume = FileBlockSource.open(file)) {
            assertTrue(reader.recognises(volume));
            return reader.read(volume);
        }
    }
}
