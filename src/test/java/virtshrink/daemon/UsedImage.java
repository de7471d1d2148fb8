package virtshrink.daemon;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import virtshrink.libvirt.PrivateLibvirtd;

/** Images with an ext4 whose free space holds the data of files that are gone. */
public final class UsedImage {
    private static final int MIB = 1 << 20;

    private UsedImage() {}

    public static Path raw(Path file, int mebibytes) throws IOException {
        assumeTrue(Files.isExecutable(Path.of("/usr/sbin/mkfs.ext4")), "needs mkfs.ext4 (package e2fsprogs)");
        byte[] noise = new byte[MIB];
        new Random(1).nextBytes(noise);
        try (OutputStream out = Files.newOutputStream(file)) {
            for (int i = 0; i < mebibytes; i++) {
                out.write(noise);
            }
        }
        // Without a hole it would count as reserved on purpose.
        PrivateLibvirtd.run(List.of("truncate", "-s", "+1M", file.toString()));
        PrivateLibvirtd.run(List.of("mkfs.ext4", "-q", "-F", "-E", "nodiscard", file.toString()));
        return file;
    }

    public static Path qcow2(Path file, int mebibytes) throws IOException {
        return converted(raw(temporary(file), mebibytes), file);
    }

    /** One that was not unmounted: its journal wants to be replayed. */
    static Path dirty(Path file, int mebibytes) throws IOException {
        Path raw = raw(temporary(file), mebibytes);
        PrivateLibvirtd.run(List.of("debugfs", "-w", "-R", "feature needs_recovery", raw.toString()));
        return converted(raw, file);
    }

    /** One whose free space has never held anything. */
    static Path tidy(Path file, int mebibytes) throws IOException {
        Path raw = temporary(file);
        PrivateLibvirtd.run(List.of("truncate", "-s", mebibytes + "M", raw.toString()));
        PrivateLibvirtd.run(List.of("mkfs.ext4", "-q", "-F", raw.toString()));
        return converted(raw, file);
    }

    private static Path temporary(Path file) {
        return file.resolveSibling(file.getFileName() + ".tmp");
    }

    private static Path converted(Path raw, Path file) throws IOException {
        PrivateLibvirtd.run(
                List.of("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw.toString(), file.toString()));
        Files.delete(raw);
        return file;
    }
}
