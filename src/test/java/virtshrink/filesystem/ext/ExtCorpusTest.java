package virtshrink.filesystem.ext;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.BlockSource;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.Corpus;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.ZeroFreeSpace;

/** Filesystems that other hands made, clean, dirty, broken and fuzzed. */
class ExtCorpusTest {
    private static final long LARGE = 1 << 30;
    private static final Map<String, Integer> SUMMARY = new TreeMap<>();

    @TempDir
    Path directory;

    static List<Arguments> rows() throws IOException {
        return Corpus.rows(row -> row.get("fstype").startsWith("ext"));
    }

    @BeforeAll
    static void needsTools() {
        E2fsprogs.assumeInstalled();
    }

    @AfterAll
    static void summary() {
        SUMMARY.forEach((what, count) -> System.out.println("corpus: %4d  %s".formatted(count, what)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rows")
    void isExactWhereCleanAndNeverCallsUsedBlocksFree(String name, Corpus.Row row) throws IOException {
        Path image = Corpus.unpack(row, directory);
        FilesystemReport report = assertTimeoutPreemptively(Duration.ofSeconds(20), () -> read(image, row));
        count(row, report.state());
        if (row.isClean()) {
            FilesystemState.FreeSpace space =
                    assertInstanceOf(FilesystemState.FreeSpace.class, report.state(), report.toString());
            assertEquals(row.freeBytes(), space.freeBytes());
        }
        if (report.state() instanceof FilesystemState.FreeSpace space) {
            long offset = row.number("offset");
            E2fsprogs.Dump reference = E2fsprogs.dump(image, offset);
            assertTrue(space.free().subtract(reference.free()).isEmpty(), "free here, used to dumpe2fs");
            if (row.number("length") <= LARGE) {
                Path alone = Corpus.cut(row, image);
                String before = E2fsprogs.check(alone);
                ZeroFreeSpace.zero(alone, space);
                assertEquals(before, E2fsprogs.check(alone));
            }
        }
    }

    private static FilesystemReport read(Path image, Corpus.Row row) throws IOException {
        ExtReader reader = new ExtReader();
        try (FileBlockSource disk = FileBlockSource.open(image)) {
            BlockSource volume = disk.slice(row.placeWithin(disk));
            assertTrue(reader.recognises(volume) || !row.isClean());
            return reader.read(volume);
        }
    }

    private static void count(Corpus.Row row, FilesystemState state) {
        String outcome = state instanceof FilesystemState.FreeSpace
                ? "free space proven"
                : state.contractName() + ": " + state.reasonText().replaceAll("\\d+", "N");
        SUMMARY.merge("%-26s %s".formatted(row.get("verdict"), outcome), 1, Integer::sum);
    }
}
