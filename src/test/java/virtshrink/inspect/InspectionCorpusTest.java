package virtshrink.inspect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.Corpus;
import virtshrink.filesystem.swap.SwapReader;

/** What lies where on disks that other hands made, clean, dirty, broken and fuzzed; what is free there is the readers' affair. */
class InspectionCorpusTest {
    private static final Set<String> NAMED = Set.of("clean", "unmounted-flag-set", "readable", "metadata-readable");

    private final DiskInspector inspector = new DiskInspector(List.of(new SwapReader(), ExtStandIn.naming()));

    @TempDir
    Path directory;

    static List<Arguments> files() throws IOException {
        return Corpus.files();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("files")
    void findsWhatTheIndexSaysAndSurvivesEverything(String name, List<Corpus.Row> rows) throws IOException {
        Corpus.assume();
        try (FileBlockSource disk = FileBlockSource.open(Corpus.unpack(rows.get(0), directory))) {
            DiskInspection inspection =
                    assertTimeout(Duration.ofSeconds(20), () -> inspector.inspect(disk, "sda", 512));
            for (Corpus.Row row : rows) {
                if (NAMED.contains(row.get("verdict"))) {
                    assertNames(inspection, row);
                }
            }
        }
    }

    private static void assertNames(DiskInspection inspection, Corpus.Row row) {
        Optional<FilesystemFinding> finding = inspection.filesystems().stream()
                .filter(candidate -> candidate.place().equals(row.place()))
                .findFirst();
        assertTrue(finding.isPresent(), () -> row.get("fstype") + " at " + row.place() + " not found: " + inspection);
        String device = finding.get().device();
        // The index counts partitions, Linux counts logical ones from five.
        if (!device.matches("sda[5-9]")) {
            String part = row.get("part");
            assertEquals(part.equals("whole") ? "sda" : "sda" + part, device);
        }
        String type = finding.get().identity().type();
        assertEquals(row.get("fstype").replaceAll("^ext.*", "ext4"), type, finding::toString);
    }
}
