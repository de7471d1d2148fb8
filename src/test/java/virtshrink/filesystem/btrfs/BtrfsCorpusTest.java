package virtshrink.filesystem.btrfs;

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

/** Filesystems that other hands made, clean, broken and fuzzed. */
class BtrfsCorpusTest {
    private static final Map<String, Integer> SUMMARY = new TreeMap<>();

    @TempDir
    Path directory;

    static List<Arguments> rows() throws IOException {
        return Corpus.rows("btrfs");
    }

    @BeforeAll
    static void needsTools() {
        BtrfsProgs.assumeInstalled();
    }

    @AfterAll
    static void summary() {
        SUMMARY.forEach((what, count) -> System.out.println("corpus: %4d  %s".formatted(count, what)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rows")
    void isExactWhereCleanAndNeverCallsUsedBlocksFree(String name, Corpus.Row row) throws IOException {
        Path image = Corpus.unpack(row, directory);
        FilesystemState state = assertTimeoutPreemptively(Duration.ofSeconds(20), () -> read(image, row))
                .state();
        String outcome = state instanceof FilesystemState.FreeSpace
                ? "free space proven"
                : state.contractName() + ": " + state.reasonText().replaceAll("\\d+", "N");
        SUMMARY.merge("%-10s %s".formatted(row.get("verdict"), outcome), 1, Integer::sum);
        if (row.isClean()) {
            assertEquals(
                    row.freeBytes(),
                    assertInstanceOf(FilesystemState.FreeSpace.class, state, state::reasonText)
                            .freeBytes());
        }
        if (state instanceof FilesystemState.FreeSpace) {
            Path alone = Corpus.cut(row, image);
            String before = BtrfsProgs.check(alone);
            BtrfsProgs.zero(alone, BtrfsProgs.assertExact(alone).free());
            assertEquals(before, BtrfsProgs.check(alone));
        }
    }

    private static FilesystemReport read(Path image, Corpus.Row row) throws IOException {
        BtrfsReader reader = new BtrfsReader();
        try (FileBlockSource disk = FileBlockSource.open(image)) {
            BlockSource volume = disk.slice(row.placeWithin(disk));
            assertTrue(reader.recognises(volume) || !row.isClean());
            return reader.read(volume);
        }
    }
}
