package virtshrink.filesystem.ntfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
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

/** Volumes that other hands made: Windows of several ages, other drivers, fuzzers. */
class NtfsCorpusTest {
    private static final Map<String, Integer> SUMMARY = new TreeMap<>();

    /** Clean to ntfsresize, which asks neither the log's version nor for shadow copies, and rightly refused. */
    private static final Map<String, String> REFUSED = Map.of(
            "dfvfs/hist-4f4c434a__vsstest.qcow2.xz",
            "two shadow copies",
            "dissect/hist-1791973c__dissect.ntfs__tests__data__ntfs-cloud.bin.gz",
            "log version 2.0: taken from a running Windows",
            "velocidex/velociraptor__artifacts__testdata__files__test.ntfs.dd.E01.raw.xz",
            "log version 2.0: taken from a running Windows");

    @TempDir
    Path directory;

    static List<Arguments> rows() throws IOException {
        return Corpus.rows("ntfs");
    }

    @BeforeAll
    static void needsTools() {
        Ntfs3g.assumeInstalled();
    }

    @AfterAll
    static void summary() {
        SUMMARY.forEach((what, count) -> System.out.println("corpus: %4d  %s".formatted(count, what)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rows")
    void isExactWhereCleanAndNeverCallsUsedClustersFree(String name, Corpus.Row row) throws IOException {
        Path image = Corpus.unpack(row, directory);
        FilesystemReport report = assertTimeoutPreemptively(Duration.ofSeconds(20), () -> read(image, row));
        count(row, report.state());
        if (row.isClean() && !REFUSED.containsKey(row.get("file"))) {
            assertInstanceOf(FilesystemState.FreeSpace.class, report.state(), report.toString());
        } else {
            assertFalse(report.state() instanceof FilesystemState.FreeSpace, report::toString);
        }
        if (report.state() instanceof FilesystemState.FreeSpace space) {
            assertEquals(row.freeBytes(), space.freeBytes());
            Path alone = Corpus.cut(row, image);
            String before = Ntfs3g.check(alone);
            ZeroFreeSpace.zero(alone, space);
            assertEquals(before, Ntfs3g.check(alone));
        }
    }

    private static void count(Corpus.Row row, FilesystemState state) {
        String outcome = state instanceof FilesystemState.FreeSpace
                ? "free space proven"
                : state.contractName() + ": " + state.reasonText();
        SUMMARY.merge("%-10s  %s".formatted(row.get("verdict"), outcome), 1, Integer::sum);
    }

    private static FilesystemReport read(Path image, Corpus.Row row) throws IOException {
        NtfsReader reader = new NtfsReader();
        try (FileBlockSource disk = FileBlockSource.open(image)) {
            BlockSource volume = disk.slice(row.placeWithin(disk));
            assertTrue(reader.recognises(volume) || !row.isClean());
            return reader.read(volume);
        }
    }
}
