package virtshrink.block;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;

/** Real tools of the host, by which the readers are judged. */
public final class ExternalTool {
    private static final String PATH = "/usr/sbin:/sbin:/usr/bin:/bin";

    private ExternalTool() {}

    /** Skips the test, by name, where the tool is absent. */
    public static void assume(String tool, String debianPackage) {
        boolean found =
                List.of(PATH.split(":")).stream().anyMatch(directory -> Files.isExecutable(Path.of(directory, tool)));
        Assumptions.assumeTrue(found, tool + " is not installed (package " + debianPackage + ")");
    }

    /** Skips the test where loop devices cannot be made. */
    public static void assumeRoot() {
        Assumptions.assumeTrue(
                Files.isWritable(Path.of("/dev/loop-control")), "loop devices need root and /dev/loop-control");
    }

    /** Its standard output and error; fails unless it ends with 0. */
    public static String run(String... command) throws IOException {
        return runWithInput("", command);
    }

    public static String runWithInput(String input, String... command) throws IOException {
        Result result = attempt(input, command);
        if (result.exitCode() != 0) {
            throw new AssertionError(List.of(command) + " ended with " + result.exitCode() + ": " + result.output());
        }
        return result.output();
    }

    public record Result(int exitCode, String output) {}

    public static Result attempt(String input, String... command) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("PATH", PATH);
        builder.environment().put("LC_ALL", "C");
        Process process = builder.start();
        try (var stdin = process.getOutputStream()) {
            stdin.write(input.getBytes(UTF_8));
        }
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        try {
            if (!process.waitFor(60, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new IOException(command[0] + " does not end");
            }
        } catch (InterruptedException interrupted) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            throw new IOException(command[0] + " interrupted", interrupted);
        }
        return new Result(process.exitValue(), output);
    }

    /** An empty sparse file. */
    public static Path sparse(Path file, long sizeBytes) throws IOException {
        try (RandomAccessFile image = new RandomAccessFile(file.toFile(), "rw")) {
            image.setLength(sizeBytes);
        }
        return file;
    }
}
