package virtshrink.filesystem.fat;

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

/** FAT and exFAT volumes that other hands made. */
class FatCorpusTest {
    private static final Map<String, Integer> SUMMARY = new TreeMap<>();

    @TempDir
    Path directory;

    static List<Arguments> rows() throws IOException {
        return Corpus.rows("vfat", "exfat");
    }

    @BeforeAll
    static void needsTools() {
        ExternalTool.assume("fsck.fat", "dosfstools");
        ExternalTool.assume("fsck.exfat", "exfatprogs");
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
            String before = check(row, alone);
            ZeroFreeSpace.zero(alone, space);
            assertEquals(before, check(row, alone));
        }
    }

    private static FilesystemReport read(Path image, Corpus.Row row) throws IOException {
        FreeSpaceReader reader = row.get("fstype").equals("vfat") ? new FatReader() : new ExfatReader();
        try (FileBlockSource disk = FileBlockSource.open(image)) {
            BlockSource volume = new CachedBlockSource(disk.slice(row.placeWithin(disk)));
            assertTrue(reader.recognises(volume) || !row.isClean());
            return reader.read(volume);
        }
    }

    private static String check(Corpus.Row row, Path volume) throws IOException {
        String[] command = row.get("fstype").equals("vfat")
                ? new String[] {"fsck.fat", "-nv", volume.toString()}
                : new String[] {"fsck.exfat", "-n", volume.toString()};
        ExternalTool.Result result = ExternalTool.attempt("", command);
        return result.exitCode() + " " + result.output();
    }

    private static void count(Corpus.Row row, FilesystemState state) {
        String outcome = state instanceof FilesystemState.FreeSpace
                ? "free space proven"
                : state.contractName() + ": " + state.reasonText().replaceAll("\\d+", "N");
        SUMMARY.merge("%-6s %-20s %s".formatted(row.get("fstype"), row.get("verdict"), outcome), 1, Integer::sum);
    }
}
