package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Waits, for a bounded time, for what other processes do. */
public final class Waiting {
    private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(30);

    private Waiting() {}

    /** A look at the world. */
    public interface Condition {
        boolean holds() throws IOException;
    }

    public static void until(String what, Condition condition) throws IOException {
        assertTrue(comesTrue(condition), () -> "waited in vain until " + what);
    }

    /** Likewise, for threads nobody listens to. */
    static void quietlyUntil(Condition condition) {
        try {
            comesTrue(condition);
        } catch (IOException gone) {
            // What was looked at has ended.
        }
    }

    private static boolean comesTrue(Condition condition) throws IOException {
        long deadline = System.nanoTime() + LIMIT_NANOS;
        while (!condition.holds()) {
            if (System.nanoTime() - deadline > 0) {
                return false;
            }
            LockSupport.parkNanos(1_000_000);
        }
        return true;
    }

    /** Whether a process has a file open now. */
    static boolean hasOpen(long pid, Path file) throws IOException {
        try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(Path.of("/proc/" + pid + "/fd"))) {
            for (Path descriptor : descriptors) {
                if (Files.isSymbolicLink(descriptor)
                        && Files.readSymbolicLink(descriptor).equals(file)) {
                    return true;
                }
            }
        } catch (IOException gone) {
            return false;
        }
        return false;
    }

    /** Processes of qemu whose command line names a path below a directory. */
    static List<Long> childrenNaming(Path directory) throws IOException {
        List<Long> found = new ArrayList<>();
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path process : processes) {
                String command = commandLine(process);
                if (command.contains("qemu-") && command.contains(directory.toString())) {
                    found.add(Long.valueOf(process.getFileName().toString()));
                }
            }
        }
        return found;
    }

    private static String commandLine(Path process) {
        try {
            return Files.readString(process.resolve("cmdline"), StandardCharsets.ISO_8859_1);
        } catch (IOException gone) {
            return "";
        }
    }
}
