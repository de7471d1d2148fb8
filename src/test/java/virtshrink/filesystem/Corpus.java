package virtshrink.filesystem;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.params.provider.Arguments;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.ExternalTool;
import virtshrink.block.FileBlockSource;

/**
 * Disks and filesystems that other hands made, clean, dirty, broken and fuzzed. The environment variable {@code VIRT_SHRINK_CORPUS} names a
 * directory with an {@code INDEX.tsv}; where it is not set, the tests skip and say so. These images are for readers and checkers alone: some
 * of them were made to crash kernels, so nobody mounts them.
 */
public final class Corpus {
    private static final String VARIABLE = "VIRT_SHRINK_CORPUS";
    private static final int PIECE = 1 << 20;

    private Corpus() {}

    /** A row of the index, by column name: one filesystem or partition. */
    public record Row(Map<String, String> columns) {
        /** Empty where the index says nothing. */
        public String get(String column) {
            return columns.getOrDefault(column, "");
        }

        public long number(String column) {
            return Long.parseLong(get(column));
        }

        /** The reference checker had nothing to say, and a free figure is known. */
        public boolean isClean() {
            return get("verdict").equals("clean");
        }

        /** What the reference tool calls free; only where {@code free_ref} is known. */
        public long freeBytes() {
            return Math.multiplyExact(number("free_ref"), number("unit"));
        }

        public ByteRange place() {
            return new ByteRange(number("offset"), number("length"));
        }

        /** The place as far as the disk reaches: some were cut short. */
        public ByteRange placeWithin(BlockSource disk) {
            long start = Math.min(disk.sizeBytes(), place().startBytes());
            return ByteRange.between(start, Math.min(disk.sizeBytes(), place().endBytes()));
        }

        @Override
        public String toString() {
            return "%s part %s, %s, %s".formatted(get("file"), get("part"), get("fstype"), get("verdict"));
        }
    }

    /** A name and a {@link Row} for each whose type, as column {@code fstype} has it, is one of these. */
    public static List<Arguments> rows(String... types) throws IOException {
        List<String> wanted = List.of(types);
        return rows(row -> wanted.contains(row.get("fstype")));
    }

    /** A name and a {@link Row} for each that is wanted. */
    public static List<Arguments> rows(Predicate<Row> wanted) throws IOException {
        if (System.getenv(VARIABLE) == null) {
            return List.of(Arguments.of("skipped: " + VARIABLE + " is not set", new Row(Map.of())));
        }
        return index().stream()
                .filter(wanted)
                .map(row -> Arguments.of(row.toString(), row))
                .toList();
    }

    /** A name and a list of {@link Row}s for each file. */
    public static List<Arguments> files() throws IOException {
        if (System.getenv(VARIABLE) == null) {
            return List.of(Arguments.of("skipped: " + VARIABLE + " is not set", List.of()));
        }
        Map<String, List<Row>> files = new LinkedHashMap<>();
        for (Row row : index()) {
            files.computeIfAbsent(row.get("file"), file -> new ArrayList<>()).add(row);
        }
        return files.entrySet().stream()
                .map(file -> Arguments.of(file.getKey(), file.getValue()))
                .toList();
    }

    /** Skips the test where there is no corpus. */
    public static void assume() {
        Assumptions.assumeTrue(System.getenv(VARIABLE) != null, VARIABLE + " is not set");
    }

    private static List<Row> index() throws IOException {
        List<String> lines = Files.readAllLines(Path.of(System.getenv(VARIABLE), "INDEX.tsv"));
        String[] names = lines.get(0).split("\t", -1);
        List<Row> rows = new ArrayList<>();
        for (String line : lines.subList(1, lines.size())) {
            String[] values = line.split("\t", -1);
            Map<String, String> columns = new HashMap<>();
            for (int i = 0; i < Math.min(names.length, values.length); i++) {
                columns.put(names[i], values[i]);
            }
            rows.add(new Row(columns));
        }
        return rows;
    }

    /** The whole disk of a row as a sparse raw file in a directory; skips the test where a tool or a backing file is missing. */
    public static Path unpack(Row row, Path directory) throws IOException {
        assume();
        Path container = directory.resolve("container");
        String filter = row.get("unpack").replaceFirst(" .*", "");
        ExternalTool.assume(filter, filter);
        boolean raw = row.get("container").equals("raw");
        ExternalTool.run(
                "sh",
                "-c",
                "%s \"$1\" | dd of=\"$2\" bs=64k iflag=fullblock conv=sparse status=none && truncate -s %s \"$2\""
                        .formatted(row.get("unpack"), raw ? row.get("vsize") : "+0"),
                "sh",
                Path.of(System.getenv(VARIABLE), row.get("file")).toString(),
                container.toString());
        return raw ? container : converted(row.get("container"), container, directory.resolve("raw"));
    }

    private static Path converted(String format, Path container, Path raw) throws IOException {
        ExternalTool.assume("qemu-img", "qemu-utils");
        ExternalTool.Result conversion = ExternalTool.attempt(
                "", "qemu-img", "convert", "-f", format, "-O", "raw", container.toString(), raw.toString());
        Assumptions.assumeTrue(
                conversion.exitCode() == 0 || !conversion.output().contains("No such file"),
                "the image needs other files: " + conversion.output());
        assertEquals(0, conversion.exitCode(), conversion.output());
        return raw;
    }

    /** A file with nothing but a row's filesystem: the unpacked disk itself, or a sparse copy of a part of it beside it. */
    public static Path cut(Row row, Path disk) throws IOException {
        try (FileBlockSource source = FileBlockSource.open(disk)) {
            ByteRange place = row.placeWithin(source);
            if (place.startBytes() == 0 && place.endBytes() == source.sizeBytes()) {
                return disk;
            }
            Path alone = ExternalTool.sparse(disk.resolveSibling("alone"), place.lengthBytes());
            ByteBuffer zeros = ByteBuffer.allocate(PIECE);
            try (RandomAccessFile copy = new RandomAccessFile(alone.toFile(), "rw")) {
                for (long at = 0; at < place.lengthBytes(); at += PIECE) {
                    int length = (int) Math.min(PIECE, place.lengthBytes() - at);
                    ByteBuffer piece = source.read(place.startBytes() + at, length);
                    if (!piece.equals(zeros.slice(0, length))) {
                        copy.getChannel().write(piece, at);
                    }
                }
            }
            return alone;
        }
    }
}
