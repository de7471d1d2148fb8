package virtshrink.filesystem.f2fs;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import virtshrink.block.ExternalTool;

/** The filesystem's own tools: they make it, fill it without a driver, and judge it. */
final class F2fsTools {
    private static final Pattern FIELD = Pattern.compile("(\\w+)\\s+\\[0x\\s*\\w+ : (\\d+)\\]");

    private F2fsTools() {}

    static void assumeInstalled() {
        ExternalTool.assume("mkfs.f2fs", "f2fs-tools");
        ExternalTool.assume("sload.f2fs", "f2fs-tools");
        ExternalTool.assume("dump.f2fs", "f2fs-tools");
    }

    static Path make(Path image, long sizeBytes, String options) throws IOException {
        Files.deleteIfExists(image);
        ExternalTool.sparse(image, sizeBytes);
        List<String> command = new ArrayList<>(List.of("mkfs.f2fs", "-q", "-t", "0"));
        if (!options.isEmpty()) {
            command.addAll(Arrays.asList(options.split(" ", -1)));
        }
        command.add(image.toString());
        ExternalTool.run(command.toArray(String[]::new));
        return image;
    }

    /** Files of all sizes, some within an inode, some with blocks of their own, one with nodes of its own. */
    static void fill(Path image, Path directory, int files) throws IOException {
        int most = (int) Math.min(5 << 20, Files.size(image) / 200);
        Path source = Files.createDirectories(directory.resolve("source"));
        Random random = new Random(files);
        for (int number = 0; number < files; number++) {
            Path parent = Files.createDirectories(source.resolve("dir" + number % 5));
            byte[] bytes = new byte[number == 3 ? most : 1 + random.nextInt(number % 2 == 0 ? 200 : 60_000)];
            random.nextBytes(bytes);
            Files.write(parent.resolve("file" + number), bytes);
        }
        List<String> command = new ArrayList<>(List.of("sload.f2fs", "-f", source.toString(), "-t", "/"));
        command.add(image.toString());
        // It ends with a check, which reports what it put right.
        ExternalTool.Result result = ExternalTool.attempt("", command.toArray(String[]::new));
        assertTrue(result.exitCode() <= 1, result.output());
    }

    /** All blocks of the main area but those that the checkpoint calls valid. */
    static long freeBytes(Path image) throws IOException {
        String dump = ExternalTool.run("dump.f2fs", "-d", "1", image.toString());
        Map<String, Long> fields = new TreeMap<>();
        Matcher found = FIELD.matcher(dump);
        while (found.find()) {
            fields.put(found.group(1), Long.parseLong(found.group(2)));
        }
        return (fields.getOrDefault("segment_count_main", 0L) * 512 - fields.getOrDefault("valid_block_count", 0L))
                * 4096;
    }

    /** What fsck.f2fs says, without the time that it took. */
    static String check(Path image) throws IOException {
        ExternalTool.Result result = ExternalTool.attempt("", "fsck.f2fs", "--dry-run", image.toString());
        return result.exitCode() + " " + result.output().replaceAll("Done: .*", "");
    }

    /** What dump.f2fs makes of every inode of an image: file name and checksum. */
    static Map<String, Integer> contents(Path image, Path directory, int files) throws IOException {
        Path out = Files.createTempDirectory(directory, "out");
        // The first three belong to the filesystem, and some more are directories.
        ExternalTool.attempt(
                "",
                "sh",
                "-c",
                "cd \"$1\" && for inode in $(seq 4 $3); do echo Y | dump.f2fs -i $(printf %x $inode) \"$2\"; done",
                "sh",
                out.toString(),
                image.toString(),
                Integer.toString(files + 20));
        Map<String, Integer> contents = new TreeMap<>();
        try (Stream<Path> list = Files.list(out.resolve("lost_found"))) {
            for (Path file : list.toList()) {
                contents.put(
                        String.valueOf(file.getFileName()),
                        Files.isDirectory(file) ? 0 : Arrays.hashCode(Files.readAllBytes(file)));
            }
        }
        return contents;
    }
}
