package virtshrink.filesystem.ext;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;
import virtshrink.block.RangeSet;

/** The filesystem's own tools, by which the reader is judged. */
public final class E2fsprogs {
    private static final Pattern FIELD = Pattern.compile("(Free blocks|Block size|Block count|Cluster size): +(\\d+)");
    private static final Pattern GROUP_FREE = Pattern.compile("  Free blocks: (.*)");

    private E2fsprogs() {}

    /**
     * What dumpe2fs says.
     *
     * @param free of all groups, in bytes
     */
    public record Dump(long freeBlocks, long blockBytes, long blocks, RangeSet free) {
        public long freeBytes() {
            return freeBlocks * blockBytes;
        }
    }

    static void assumeInstalled() {
        for (String tool : List.of("mke2fs", "dumpe2fs", "debugfs", "e2fsck", "tune2fs")) {
            Assumptions.assumeTrue(exists(tool), tool + " is not installed (package e2fsprogs)");
        }
    }

    static boolean exists(String tool) {
        return List.of("/usr/sbin", "/sbin", "/usr/bin", "/bin").stream()
                .anyMatch(directory -> Files.isExecutable(Path.of(directory, tool)));
    }

    /** Makes a sparse image with a filesystem. */
    static void make(Path image, long sizeBytes, String... options) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(sizeBytes);
        }
        List<String> command = new ArrayList<>(List.of("mke2fs", "-q", "-F"));
        command.addAll(List.of(options));
        command.add(image.toString());
        run(command);
    }

    /** Runs debugfs requests, writing. */
    static void debug(Path image, List<String> requests) throws IOException {
        Path script = Files.createTempFile(image.toAbsolutePath().getParent(), "debugfs", ".txt");
        Files.write(script, requests);
        String output = run(List.of("debugfs", "-w", "-f", script.toString(), image.toString()));
        Files.delete(script);
        for (String line : output.lines().toList()) {
            if (line.contains("Unknown") || line.contains("nvalid request")) {
                throw new AssertionError("debugfs: " + line);
            }
        }
    }

    /**
     * Replays the journal and does nothing else: e2fsck would clean up orphans as well. Bitmaps and group descriptors of which only one was
     * written before the end do not match before the replay; debugfs would not even begin without {@code -n}.
     */
    static void replay(Path image) throws IOException {
        String output = run(List.of("debugfs", "-n", "-w", "-R", "journal_run", image.toString()));
        assertEquals(1, output.lines().filter(line -> !line.isBlank()).count(), output);
    }

    static Dump dump(Path image) throws IOException {
        return dump(image, 0);
    }

    public static Dump dump(Path image, long offsetBytes) throws IOException {
        Process process = start(List.of("dumpe2fs", image + "?offset=" + offsetBytes), true);
        long freeBlocks = -1;
        long blockBytes = -1;
        long blocks = -1;
        long clusterBlocks = 1;
        RangeSet.Builder free = RangeSet.builder();
        try (BufferedReader lines = process.inputReader(UTF_8)) {
            String line = lines.readLine();
            while (line != null) {
                Matcher field = FIELD.matcher(line);
                Matcher group = GROUP_FREE.matcher(line);
                if (field.lookingAt()) {
                    long value = Long.parseLong(field.group(2));
                    switch (field.group(1)) {
                        case "Free blocks" -> freeBlocks = value;
                        case "Block size" -> blockBytes = value;
                        case "Block count" -> blocks = value;
                        default -> clusterBlocks = value / blockBytes;
                    }
                } else if (group.matches() && !group.group(1).isBlank()) {
                    for (String range : group.group(1).trim().split(", *", -1)) {
                        String[] ends = range.split("-", -1);
                        long first = Long.parseLong(ends[0]);
                        long last = Long.parseLong(ends[ends.length - 1]);
                        // Both ends of a range are the first blocks of their clusters.
                        long end = Math.min(blocks, last + clusterBlocks);
                        free.add(first * blockBytes, (end - first) * blockBytes);
                    }
                }
                line = lines.readLine();
            }
        }
        finish(process, "dumpe2fs");
        return new Dump(freeBlocks, blockBytes, blocks, free.build());
    }

    /** What a check that changes nothing prints and how it ends. */
    static String check(Path image) throws IOException {
        return check(image, "-fn");
    }

    static String check(Path image, String options) throws IOException {
        Process process = start(List.of("e2fsck", options, image.toString()), true);
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        finish(process, "e2fsck");
        return output + "exit " + process.exitValue();
    }

    static String run(List<String> command) throws IOException {
        Process process = start(command, false);
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        finish(process, command.get(0));
        assertEquals(0, process.exitValue(), command + ": " + output);
        return output;
    }

    private static Process start(List<String> command, boolean standardOutputOnly) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("PATH", "/usr/sbin:/sbin:/usr/bin:/bin");
        builder.environment().put("LC_ALL", "C");
        builder.redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
        if (standardOutputOnly) {
            builder.redirectError(ProcessBuilder.Redirect.DISCARD);
        } else {
            builder.redirectErrorStream(true);
        }
        return builder.start();
    }

    private static void finish(Process process, String tool) throws IOException {
        try {
            if (!process.waitFor(60, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new IOException(tool + " does not end");
            }
        } catch (InterruptedException interrupted) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            throw new IOException(tool + " interrupted", interrupted);
        }
    }
}
