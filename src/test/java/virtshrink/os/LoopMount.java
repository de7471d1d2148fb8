package virtshrink.os;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import virtshrink.filesystem.MountedImage;

/** A filesystem of its own on a sparse file, mounted while this object is open. Skips the test where that cannot be done. */
public final class LoopMount implements AutoCloseable {
    private final MountedImage mounted;

    private LoopMount(MountedImage mounted) {
        this.mounted = mounted;
    }

    /**
     * Makes and mounts a filesystem.
     *
     * @param scratch a directory; image and mount point are made in it
     * @param makeCommand for example {@code mkfs.xfs -q}; the image's path is appended
     */
    public static LoopMount make(Path scratch, long sizeBytes, String options, String... makeCommand)
            throws IOException {
        needsRoot();
        Path image = scratch.resolve("filesystem.img");
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(sizeBytes);
        }
        List<String> make = new ArrayList<>(List.of(makeCommand));
        make.add(image.toString());
        run(make);
        Path mountPoint = Files.createDirectory(scratch.resolve("mounted"));
        try {
            return new LoopMount(MountedImage.mount(image, mountPoint, options));
        } catch (IOException e) {
            Assumptions.abort("this kernel does not mount it: " + e.getMessage());
            throw e;
        }
    }

    public static void needsRoot() {
        Assumptions.assumeTrue(Hosts.effectiveUid() == 0, "needs root, for mount");
    }

    public Path path() {
        return mounted.path();
    }

    @Override
    public void close() throws IOException {
        mounted.close();
    }

    /** Runs a tool to its end and returns what it said; skips the test where it is not installed. */
    public static String run(List<String> command) throws IOException {
        Process process;
        try {
            process = new ProcessBuilder(command).redirectErrorStream(true).start();
        } catch (IOException e) {
            Assumptions.abort(command.get(0) + " is not installed");
            throw e;
        }
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), UTF_8);
        try {
            if (process.waitFor() != 0) {
                throw new IOException(String.join(" ", command) + ": " + said.trim());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
        return said;
    }

    public static String run(String... command) throws IOException {
        return run(List.of(command));
    }
}
