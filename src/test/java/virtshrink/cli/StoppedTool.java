package virtshrink.cli;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Catches a tool of a run with the image open and stops it ({@code SIGSTOP}): a child that hangs and has all its locks. */
final class StoppedTool {
    private static final int SIGCONT = 18;
    private static final int SIGSTOP = 19;
    private static final long STEP_NANOS = 300_000;

    private final Function kill = NativeLibrary.getInstance("c").getFunction("kill");
    private final String words;
    private final Path image;

    /** @param words part of its command line, zero bytes between the arguments */
    StoppedTool(String words, Path image) {
        this.words = words;
        this.image = image;
    }

    /** Waits for it as long as the run is registered; returns false if it was not seen with the image open. */
    boolean stop(Path run) throws IOException {
        while (Files.exists(run)) {
            for (String line : record(run)) {
                if (line.startsWith("child ") && stop(Integer.parseInt(line.split(" ", -1)[1]))) {
                    return true;
                }
            }
        }
        return false;
    }

    private static List<String> record(Path run) {
        try {
            return Files.readAllLines(run.resolve("record"));
        } catch (IOException ended) {
            return List.of();
        }
    }

    /** Lets it go on in small steps until it has the image open. */
    private boolean stop(int pid) {
        while (commandLine(pid).contains(words) && kill.invokeInt(new Object[] {pid, SIGSTOP}) == 0) {
            if (hasImageOpen(pid)) {
                return true;
            }
            kill.invokeInt(new Object[] {pid, SIGCONT});
            long next = System.nanoTime() + STEP_NANOS;
            while (System.nanoTime() < next) {
                Thread.onSpinWait();
            }
        }
        return false;
    }

    /** Empty when it has ended. */
    private static String commandLine(int pid) {
        try {
            return Files.readString(Path.of("/proc/" + pid + "/cmdline"), StandardCharsets.ISO_8859_1);
        } catch (IOException ended) {
            return "";
        }
    }

    private boolean hasImageOpen(int pid) {
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/" + pid + "/fd"))) {
            return descriptors.anyMatch(this::isImage);
        } catch (IOException ended) {
            return false;
        }
    }

    private boolean isImage(Path descriptor) {
        try {
            return Files.isSameFile(descriptor, image);
        } catch (IOException noFile) {
            return false;
        }
    }
}
