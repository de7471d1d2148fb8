package virtshrink.filesystem.fat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import virtshrink.block.ByteRange;
import virtshrink.block.ExternalTool;
import virtshrink.block.MemoryDisk;
import virtshrink.block.RangeSet;

/** The tools that make FAT volumes, fill them without a driver, and judge them. */
final class Dosfstools {
    private static final Pattern CLUSTERS = Pattern.compile(" (\\d+)/(\\d+) clusters");
    private static final Pattern CLUSTER_BYTES = Pattern.compile("(\\d+) bytes per cluster");

    private Dosfstools() {}

    enum Content {
        EMPTY,
        /** Files and directories. */
        USED,
        /** Chains with holes, deleted files. */
        FRAGMENTED,
        /** As full as files of one cluster can make it. */
        FULL
    }

    /** What fsck.fat says. */
    record Check(int exitCode, String output) {
        long freeBytes() {
            return (number(CLUSTERS, 2) - number(CLUSTERS, 1)) * clusterBytes();
        }

        long clusterBytes() {
            return number(CLUSTER_BYTES, 1);
        }

        private long number(Pattern pattern, int group) {
            Matcher found = pattern.matcher(output);
            if (!found.find()) {
                throw new AssertionError("fsck.fat: " + output);
            }
            return Long.parseLong(found.group(group));
        }
    }

    static void assumeInstalled() {
        ExternalTool.assume("mkfs.fat", "dosfstools");
        ExternalTool.assume("fsck.fat", "dosfstools");
        ExternalTool.assume("mcopy", "mtools");
    }

    static Path make(Path image, long sizeBytes, String options) throws IOException {
        Files.deleteIfExists(image);
        ExternalTool.sparse(image, sizeBytes);
        List<String> command = new ArrayList<>(List.of("mkfs.fat"));
        if (!options.isEmpty()) {
            command.addAll(Arrays.asList(options.split(" ", -1)));
        }
        command.add(image.toString());
        ExternalTool.run(command.toArray(String[]::new));
        return image;
    }

    /** A small volume with some content, in memory. */
    static MemoryDisk disk(Path directory, long sizeBytes, String options, Content content) throws IOException {
        Path image = make(directory.resolve("image"), sizeBytes, options);
        fill(image, content, directory);
        return MemoryDisk.load(image);
    }

    static Check check(Path image) throws IOException {
        ExternalTool.Result result = ExternalTool.attempt("", "fsck.fat", "-nv", image.toString());
        return new Check(result.exitCode(), result.output());
    }

    /** Puts files into an image. */
    static void fill(Path image, Content content, Path directory) throws IOException {
        if (content == Content.EMPTY) {
            return;
        }
        long unit = Math.max(512, check(image).clusterBytes());
        Path source = Files.createDirectories(directory.resolve("source"));
        Random random = new Random(unit + content.name().length());
        int files = content == Content.FRAGMENTED ? 40 : 8;
        for (int number = 0; number < files; number++) {
            write(
                    source.resolve("file number %d.data".formatted(number)),
                    random,
                    random.nextInt((int) (2 * unit)) + 1);
        }
        Path deep = Files.createDirectories(source.resolve("DIR/a directory with a long name/DEEP"));
        write(deep.resolve("FILE.BIN"), random, (int) unit);
        Files.write(deep.resolve("empty"), new byte[0]);
        copyIn(image, source);
        if (content == Content.FRAGMENTED) {
            List<String> command = mtools("mdel", image);
            for (int number = 0; number < files; number += 2) {
                command.add("::file number %d.data".formatted(number));
            }
            ExternalTool.attempt("", command.toArray(String[]::new));
            Path large = directory.resolve("large");
            for (int number = 0; number < 3; number++) {
                write(large, random, (int) (3 * unit + 17));
                copyIn(image, large, "::DIR/large%d".formatted(number));
            }
            delete(image, "::DIR/large1");
        }
        if (content == Content.FULL) {
            long left = check(image).freeBytes();
            Path large = directory.resolve("large");
            write(large, random, (int) Math.min(left, 16 << 20));
            copyIn(image, large, "::LARGE");
            for (int number = 0; check(image).freeBytes() > 0 && number < 40; number++) {
                write(large, random, (int) Math.min(check(image).freeBytes(), unit << (number / 2)));
                copyIn(image, large, "::SMALL%d".formatted(number));
            }
        }
    }

    /** The beginning and the end of every range: what is not free lies beside what is. */
    static RangeSet sample(RangeSet free) {
        RangeSet.Builder sample = RangeSet.builder();
        for (ByteRange range : free) {
            long most = Math.min(range.lengthBytes(), 2 << 20);
            sample.add(range.startBytes(), most);
            sample.add(range.endBytes() - most, most);
        }
        return sample.build();
    }

    private static void write(Path file, Random random, int length) throws IOException {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        Files.write(file, bytes);
    }

    private static List<String> mtools(String command, Path image) {
        // Its own checks want disks that a floppy drive could have.
        return new ArrayList<>(List.of("env", "MTOOLS_SKIP_CHECK=1", command, "-i", image.toString()));
    }

    /** Whatever has room: the rest is left out. */
    private static void copyIn(Path image, Path source) throws IOException {
        List<String> command = mtools("mcopy", image);
        command.addAll(List.of("-s", "-Q"));
        try (Stream<Path> list = Files.list(source)) {
            list.sorted().map(Path::toString).forEach(command::add);
        }
        command.add("::");
        ExternalTool.attempt("", command.toArray(String[]::new));
    }

    private static void copyIn(Path image, Path file, String to) throws IOException {
        List<String> command = mtools("mcopy", image);
        command.addAll(List.of(file.toString(), to));
        ExternalTool.attempt("", command.toArray(String[]::new));
    }

    private static void delete(Path image, String file) throws IOException {
        List<String> command = mtools("mdel", image);
        command.add(file);
        ExternalTool.attempt("", command.toArray(String[]::new));
    }

    /** Path and checksum of everything in an image. */
    static Map<String, String> contents(Path image, Path directory) throws IOException {
        Path out = Files.createTempDirectory(directory, "contents");
        List<String> command = mtools("mcopy", image);
        command.addAll(List.of("-s", "-n", "::", out.toString()));
        ExternalTool.run(command.toArray(String[]::new));
        return digests(out);
    }

    static Map<String, String> digests(Path root) throws IOException {
        Map<String, String> digests = new TreeMap<>();
        try (Stream<Path> walk = Files.walk(root)) {
            walk.forEach(
                    path -> digests.put(root.relativize(path).toString(), Files.isDirectory(path) ? "" : digest(path)));
        }
        return digests;
    }

    private static String digest(Path file) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        } catch (NoSuchAlgorithmException impossible) {
            throw new AssertionError("every Java has SHA-256", impossible);
        }
    }
}
