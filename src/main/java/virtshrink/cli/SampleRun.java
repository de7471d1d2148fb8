package virtshrink.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Shrinks a small image for the sake of the classes that this loads. The image is made with {@code sfdisk}, {@code mkfs.ext4} and {@code
 * qemu-img}; where one of them is missing there is no sample, and the archive holds less.
 */
final class SampleRun {
    private static final int DISK_BYTES = 16 << 20;
    private static final int FILESYSTEM_KIB = 14 << 10;
    private static final Path NOTHING = Path.of("/dev/null");

    private final Session session;
    private final Path directory;

    /** @param directory for the image; whoever names it removes it */
    SampleRun(Session session, Path directory) {
        this.session = session;
        this.directory = directory;
    }

    void run() throws IOException, InterruptedException {
        Path raw = directory.resolve("sample.raw");
        Path image = directory.resolve("sample.qcow2");
        Path layout = directory.resolve("sample.layout");
        byte[] old = new byte[DISK_BYTES];
        Arrays.fill(old, (byte) 'x');
        Files.write(raw, old);
        Files.writeString(layout, "label: gpt\nstart=2048, size=" + FILESYSTEM_KIB * 2 + "\n");
        if (succeeds(layout, "sfdisk", "--quiet", "--wipe", "never", raw.toString())
                && succeeds(
                        NOTHING,
                        "mkfs.ext4",
                        "-qF",
                        "-E",
                        "nodiscard,offset=1048576",
                        raw.toString(),
                        FILESYSTEM_KIB + "k")
                && succeeds(NOTHING, "qemu-img", "convert", "-O", "qcow2", raw.toString(), image.toString())) {
            Program.run(session, "inspect", "--json", image.toString());
            Program.run(session, "image", "--json", image.toString());
            Program.run(session, "image", "--filler", "none", raw.toString());
        }
    }

    private static boolean succeeds(Path input, String tool, String... arguments)
            throws IOException, InterruptedException {
        for (String place : List.of("/usr/sbin", "/usr/bin", "/sbin", "/bin")) {
            Path found = Path.of(place, tool);
            if (Files.isExecutable(found)) {
                List<String> command = new ArrayList<>(List.of(found.toString()));
                command.addAll(List.of(arguments));
                Process process = new ProcessBuilder(command)
                        .redirectInput(input.toFile())
                        .redirectErrorStream(true)
                        .redirectOutput(NOTHING.toFile())
                        .start();
                return process.waitFor() == 0;
            }
        }
        return false;
    }
}
