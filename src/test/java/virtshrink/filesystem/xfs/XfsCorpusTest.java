package virtshrink.filesystem.xfs;

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
import virtshrink.filesystem.ReferenceChecker;
import virtshrink.filesystem.ZeroFreeSpace;

/** Filesystems that other hands made, some of them to break whoever reads them. */
class XfsCorpusTest {
    private static final Map<String, Integer> SUMMARY = new TreeMap<>();

    /** Its checker does not look at the log beyond the head; a fuzzer put something there, and nobody knows what it meant. */
    private static final List<String> ALTERED_LOG = List.of("240219_055325_perf_tp_event_init_xfs_0");

    private static final long LARGE = 100 << 20;

    @TempDir
    Path directory;

    static List<Arguments> rows() throws IOException {
        return Corpus.rows("xfs");
    }

    @BeforeAll
    static void needsTools() {
        Xfsprogs.assumeInstalled();
    }

    @AfterAll
    static void summary() {
        SUMMARY.forEach((what, count) -> System.out.println("corpus: %4d  %s".formatted(count, what)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rows")
    void isExactWhereCleanAndNeverCallsUsedBlocksFree(String name, Corpus.Row row) throws IOException {
        Path image = Corpus.unpack(row, directory);
        FilesystemReport report = assertTimeoutPreemptively(Duration.ofSeconds(30), () -> read(image, row));
        FilesystemState state = report.state();
        SUMMARY.merge(
                "%-26s %s: %s"
                        .formatted(
                                row.get("verdict"),
                                state.contractName(),
                                state.reasonText().replaceAll("\\d+", "N")),
                1,
                Integer::sum);
        if (row.isClean() && ALTERED_LOG.stream().noneMatch(row.get("file")::contains)) {
            FilesystemState.FreeSpace space =
                    assertInstanceOf(FilesystemState.FreeSpace.class, state, report.toString());
            assertEquals(row.freeBytes(), space.freeBytes());
            assertEquals(row.freeBytes(), space.free().totalBytes());
        }
        if (state instanceof FilesystemState.FreeSpace space && row.place().lengthBytes() <= LARGE) {
            Path alone = Corpus.cut(row, image);
            ReferenceChecker checker = ReferenceChecker.of("xfs").orElseThrow();
            ReferenceChecker.Verdict before = checker.check(alone);
            assertEquals(Xfsprogs.reference(alone).free(), space.free());
            ZeroFreeSpace.scribble(alone, space.free(), 3);
            assertEquals(before, checker.check(alone));
        }
    }

    private static FilesystemReport read(Path image, Corpus.Row row) throws IOException {
        XfsReader reader = new XfsReader();
        try (FileBlockSource disk = FileBlockSource.open(image)) {
            BlockSource volume = disk.slice(row.placeWithin(disk));
            assertTrue(reader.recognises(volume) || !row.isClean());
            return reader.read(volume);
        }
    }
}
