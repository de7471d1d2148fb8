package virtshrink.filesystem.f2fs;

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
import virtshrink.block.CachedBlockSource;
import virtshrink.block.ExternalTool;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.Corpus;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FreeSpaceReader;
import virtshrink.filesystem.ZeroFreeSpace;

/** F2FS volumes that other hands made. */
class F2fsCorpusTest {
    private static final Map<String, Integer> SUMMARY = new TreeMap<>();

    @TempDir
    Path directory;

    static List<Arguments> rows() throws IOException {
        return Corpus.rows("f2fs");
    }

    @BeforeAll
    static void needsTools() {
        ExternalTool.assume("fsck.f2fs", "f2fs-tools");
    }

    @AfterAll
    static void summary() {
        SUMMARY.forEach((what, count) -> System.out.println("corpus: %4d  %s".formatted(count, what)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rows")
    void isExactWhereCleanAndLeavesEverythingElseAsItWas(String name, Corpus.Row row) throws IOException {
        Path disk = Corpus.unpack(row, directory);
        FilesystemReport report = assertTimeoutPreemptively(Duration.ofSeconds(20), () -> read(disk, row));
        count(row, report.state());
        if (row.isClean()) {
            FilesystemState.FreeSpace space =
                    assertInstanceOf(FilesystemState.FreeSpace.class, report.state(), report.toString());
            assertEquals(row.freeBytes(), space.freeBytes());
            assertEquals(row.freeBytes(), space.free().totalBytes());
        }
        if (report.state() instanceof FilesystemState.FreeSpace space) {
            Path alone = Corpus.cut(row, disk);
            String before = check(alone);
            ZeroFreeSpace.zero(alone, space);
            assertEquals(before, check(alone));
        }
    }

    private static FilesystemReport read(Path image, Corpus.Row row) throws IOException {
        FreeSpaceReader reader = new F2fsReader();
        try (FileBlockSource disk = FileBlockSource.open(image)) {
            BlockSource volume = new CachedBlockSource(disk.slice(row.placeWithin(disk)));
            assertTrue(reader.recognises(volume) || !row.isClean());
            return reader.read(volume);
        }
    }

    private static String check(Path volume) throws IOException {
        ExternalTool.Result result = ExternalTool.attempt("", "fsck.f2fs", "--dry-run", volume.toString());
        return result.exitCode() + " " + result.output().replaceAll("Done: .*", "");
    }

    private static void count(Corpus.Row row, FilesystemState state) {
        String outcome = state instanceof FilesystemState.FreeSpace
                ? "free space proven"
                : state.contractName() + ": " + state.reasonText().replaceAll("\\d+", "N");
        SUMMARY.merge("%-6s %-20s %s".formatted(row.get("fstype"), row.get("verdict"), outcome), 1, Integer::sum);
    }
}
