package virtshrink.inspect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.ByteRange;
import virtshrink.block.ExternalTool;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.swap.SwapReader;

/**
 * Disks that other hands made, clean, dirty, broken and fuzzed. The environment variable {@code VIRT_SHRINK_CORPUS} names a directory with
 * an {@code INDEX.tsv}.
 */
class InspectionCorpusTest {
    private static final String VARIABLE = "VIRT_SHRINK_CORPUS";
    private static final Set<String> NAMED = Set.of("clean", "unmounted-flag-set", "readable", "metadata-readable");

    private final DiskInspector inspector = new DiskInspector(List.of(new SwapReader(), ExtStandIn.naming()));

    @TempDir
    Path directory;

    /** One row of the index, by column name. */
    record Row(Map<String, String> columns) {
        String get(String column) {
            return columns.getOrDefault(column, "");
        }

        ByteRange place() {
            return new ByteRange(Long.parseLong(get("offset")), Long.parseLong(get("length")));
        }
    }

    static List<Arguments> files() throws IOException {
        String corpus = System.getenv(VARIABLE);
        if (corpus == null) {
            return List.of(Arguments.of("skipped: " + VARIABLE + " is not set", List.of()));
        }
        List<String> lines = Files.readAllLines(Path.of(corpus, "INDEX.tsv"));
        String[] names = lines.get(0).split("\t", -1);
        Map<String, List<Row>> files = new LinkedHashMap<>();
        for (String line : lines.subList(1, lines.size())) {
            String[] values = line.split("\t", -1);
            Map<String, String> columns = new HashMap<>();
            for (int i = 0; i < Math.min(names.length, values.length); i++) {
                columns.put(names[i], values[i]);
            }
            files.computeIfAbsent(columns.get("file"), file -> new ArrayList<>())
                    .add(new Row(columns));
        }
        return files.entrySet().stream()
                .map(file -> Arguments.of(file.getKey(), file.getValue()))
                .toList();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("files")
    void findsWhatTheIndexSaysAndSurvivesEverything(String name, List<Row> rows) throws IOException {
        Assumptions.assumeTrue(System.getenv(VARIABLE) != null, VARIABLE + " is not set");
        try (FileBlockSource disk = FileBlockSource.open(unpack(rows.get(0)))) {
            DiskInspection inspection =
                    assertTimeout(Duration.ofSeconds(20), () -> inspector.inspect(disk, "sda", 512));
            for (Row row : rows) {
                if (NAMED.contains(row.get("verdict"))) {
                    assertNames(inspection, row);
                }
            }
        }
    }

    private static void assertNames(DiskInspection inspection, Row row) {
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

    private Path unpack(Row row) throws IOException {
        Path container = directory.resolve("container");
        String filter = row.get("unpack").replaceFirst(" .*", "");
        ExternalTool.assume(filter, filter);
        String packed = Path.of(System.getenv(VARIABLE), row.get("file")).toString();
        ExternalTool.run(
                "sh",
                "-c",
                "%s \"$1\" | dd of=\"$2\" bs=64k conv=sparse status=none && truncate -s %s \"$2\""
                        .formatted(row.get("unpack"), row.get("container").equals("raw") ? row.get("vsize") : "+0"),
                "sh",
                packed,
                container.toString());
        if (row.get("container").equals("raw")) {
            return container;
        }
        ExternalTool.assume("qemu-img", "qemu-utils");
        Path raw = directory.resolve("raw");
        ExternalTool.Result conversion = ExternalTool.attempt(
                "",
                "qemu-img",
                "convert",
                "-f",
                row.get("container"),
                "-O",
                "raw",
                container.toString(),
                raw.toString());
        Assumptions.assumeTrue(
                conversion.exitCode() == 0 || !conversion.output().contains("No such file"),
                "the image needs other files: " + conversion.output());
        assertEquals(0, conversion.exitCode(), conversion.output());
        return raw;
    }
}
