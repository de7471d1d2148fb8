package virtshrink.filesystem.ext;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;

/**
 * Filesystems that other hands made, clean, dirty, broken and fuzzed. The environment variable {@code VIRT_SHRINK_CORPUS} names a directory
 * with an {@code INDEX.tsv}.
 */
class ExtCorpusTest {
    private static final String VARIABLE = "VIRT_SHRINK_CORPUS";
    private static final long LARGE = 1 << 30;
    private static final Map<String, Integer> SUMMARY = new TreeMap<>();

    @TempDir
    Path directory;

    /** A row of the index, by column name. */
    record Row(Map<String, String> columns) {
        String get(String column) {
            return columns.getOrDefault(column, "");
        }

        long number(String column) {
            return Long.parseLong(get(column));
        }

        boolean isClean() {
            return get("verdict").equals("clean");
        }

        @Override
        public String toString() {
            return "%s part %s, %s, %s".formatted(get("file"), get("part"), get("fstype"), get("verdict"));
        }
    }

    static List<Arguments> rows() throws IOException {
        String corpus = System.getenv(VARIABLE);
        if (corpus == null) {
            return List.of(Arguments.of("skipped: " + VARIABLE + " is not set", new Row(Map.of())));
        }
        List<String> lines = Files.readAllLines(Path.of(corpus, "INDEX.tsv"));
        String[] names = lines.get(0).split("\t", -1);
        List<Arguments> rows = new ArrayList<>();
        for (String line : lines.subList(1, lines.size())) {
            String[] values = line.split("\t", -1);
            Map<String, String> columns = new HashMap<>();
            for (int i = 0; i < Math.min(names.length, values.length); i++) {
                columns.put(names[i], values[i]);
            }
            Row row = new Row(columns);
            if (row.get("fstype").startsWith("ext")) {
                rows.add(Arguments.of(row.toString(), row));
            }
        }
        return rows;
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
    void isExactWhereCleanAndNeverCallsUsedBlocksFree(String name, Row row) throws IOException {
        Assumptions.assumeTrue(System.getenv(VARIABLE) != null, VARIABLE + " is not set");
        Path image = unpack(row);
        FilesystemReport report = assertTimeoutPreemptively(Duration.ofSeconds(20), () -> read(image, row));
        count(row, report.state());
        if (row.isClean()) {
            FilesystemState.FreeSpace space =
                    assertInstanceOf(FilesystemState.FreeSpace.class, report.state(), report.toString());
            assertEquals(row.number("free_ref") * row.number("unit"), space.freeBytes());
        }
        if (report.state() instanceof FilesystemState.FreeSpace space) {
            long offset = row.number("offset");
            E2fsprogs.Dump reference = E2fsprogs.dump(image, offset);
            assertTrue(space.free().subtract(reference.free()).isEmpty(), "free here, used to dumpe2fs");
            if (row.number("length") <= LARGE) {
                Path alone = cut(image, row);
                String before = E2fsprogs.check(alone);
                zero(alone, space);
                assertEquals(before, E2fsprogs.check(alone));
            }
        }
    }

    private static FilesystemReport read(Path image, Row row) throws IOException {
        ExtReader reader = new ExtReader();
        try (FileBlockSource disk = FileBlockSource.open(image)) {
            BlockSource volume = disk.slice(place(disk, row));
            assertTrue(reader.recognises(volume) || !row.isClean());
            return reader.read(volume);
        }
    }

    private static ByteRange place(BlockSource disk, Row row) {
        long offset = row.number("offset");
        return ByteRange.between(offset, Math.min(disk.sizeBytes(), offset + row.number("length")));
    }

    private Path unpack(Row row) throws IOException {
        Path packed = Path.of(System.getenv(VARIABLE), row.get("file"));
        Path container = directory.resolve("container");
        run(row.get("unpack").split(" ", -1), packed, container);
        if (row.get("container").equals("raw")) {
            return container;
        }
        Assumptions.assumeTrue(E2fsprogs.exists("qemu-img"), "qemu-img is not installed (package qemu-utils)");
        Path raw = directory.resolve("raw");
        E2fsprogs.run(List.of(
                "qemu-img", "convert", "-f", row.get("container"), "-O", "raw", container.toString(), raw.toString()));
        return raw;
    }

    private Path cut(Path image, Row row) throws IOException {
        try (FileBlockSource disk = FileBlockSource.open(image)) {
            ByteRange place = place(disk, row);
            if (place.startBytes() == 0 && place.endBytes() == disk.sizeBytes()) {
                return image;
            }
            Path alone = directory.resolve("alone");
            Files.write(
                    alone,
                    disk.read(place.startBytes(), (int) place.lengthBytes()).array());
            return alone;
        }
    }

    private static void zero(Path file, FilesystemState.FreeSpace space) throws IOException {
        byte[] zeros = new byte[1 << 20];
        try (RandomAccessFile image = new RandomAccessFile(file.toFile(), "rw")) {
            for (ByteRange range : space.free()) {
                image.seek(range.startBytes());
                for (long left = range.lengthBytes(); left > 0; left -= zeros.length) {
                    image.write(zeros, 0, (int) Math.min(left, zeros.length));
                }
            }
        }
    }

    private static void run(String[] command, Path input, Path output) throws IOException {
        Process process = new ProcessBuilder(command)
                .redirectInput(input.toFile())
                .redirectOutput(output.toFile())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try {
            process.waitFor();
        } catch (InterruptedException interrupted) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            throw new IOException(interrupted);
        }
    }

    private static void count(Row row, FilesystemState state) {
        String outcome = state instanceof FilesystemState.FreeSpace
                ? "free space proven"
                : state.contractName() + ": " + state.reasonText().replaceAll("\\d+", "N");
        SUMMARY.merge("%-26s %s".formatted(row.get("verdict"), outcome), 1, Integer::sum);
    }
}
