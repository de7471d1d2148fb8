package virtshrink.filesystem;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Assumptions;
import virtshrink.block.ByteRange;
import virtshrink.block.ExternalTool;

/**
 * A filesystem in a raw file, mounted through a loop device while this object is open; once closed, everything is in the file and the device
 * is gone. Skips the test where that cannot be done. Only for images that the tests made themselves.
 */
public final class MountedImage implements AutoCloseable {
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(20);

    private final LoopDevice device;
    private final Path mountPoint;

    private MountedImage(LoopDevice device, Path mountPoint) {
        this.device = device;
        this.mountPoint = mountPoint;
    }

    /**
     * Mounts by the kernel, which finds the type itself.
     *
     * @param mountPoint made if it does not exist
     * @param options as {@code mount -o} takes them: {@code rw}, {@code ro}, …
     */
    public static MountedImage mount(Path image, Path mountPoint, String options) throws IOException {
        return mount(image, Optional.empty(), mountPoint, options);
    }

    /** As {@link #mount(Path, Path, String)}, a part of the file. */
    public static MountedImage mount(Path image, ByteRange part, Path mountPoint, String options) throws IOException {
        return mount(image, Optional.of(part), mountPoint, options);
    }

    /** Mounts NTFS by ntfs-3g. */
    public static MountedImage ntfs(Path image, Path mountPoint, String options) throws IOException {
        return ntfs(image, Optional.empty(), mountPoint, options);
    }

    /** As {@link #ntfs(Path, Path, String)}, a part of the file. */
    public static MountedImage ntfs(Path image, ByteRange part, Path mountPoint, String options) throws IOException {
        return ntfs(image, Optional.of(part), mountPoint, options);
    }

    /** Mounts exFAT by exfat-fuse. */
    public static MountedImage exfat(Path image, Path mountPoint, String options) throws IOException {
        return exfat(image, Optional.empty(), mountPoint, options);
    }

    /** As {@link #exfat(Path, Path, String)}, a part of the file. */
    public static MountedImage exfat(Path image, ByteRange part, Path mountPoint, String options) throws IOException {
        return exfat(image, Optional.of(part), mountPoint, options);
    }

    private static MountedImage mount(Path image, Optional<ByteRange> part, Path mountPoint, String options)
            throws IOException {
        return mount(image, part, mountPoint, "mount", "-o", options);
    }

    private static MountedImage ntfs(Path image, Optional<ByteRange> part, Path mountPoint, String options)
            throws IOException {
        ExternalTool.assume("ntfs-3g", "ntfs-3g");
        return mount(image, part, mountPoint, "ntfs-3g", "-o", options);
    }

    private static MountedImage exfat(Path image, Optional<ByteRange> part, Path mountPoint, String options)
            throws IOException {
        ExternalTool.assume("mount.exfat-fuse", "exfat-fuse");
        return mount(image, part, mountPoint, "mount.exfat-fuse", "-o", options);
    }

    private static MountedImage mount(Path image, Optional<ByteRange> part, Path mountPoint, String... command)
            throws IOException {
        ExternalTool.assume("mount", "mount");
        LoopDevice device = LoopDevice.attach(image, part);
        Files.createDirectories(mountPoint);
        List<String> mount = new ArrayList<>(List.of(command));
        mount.addAll(List.of(device.path().toString(), mountPoint.toString()));
        ExternalTool.Result result = ExternalTool.attempt("", mount.toArray(String[]::new));
        if (result.exitCode() != 0) {
            device.close();
            Assumptions.assumeFalse(
                    result.output().contains("unknown filesystem type")
                            || result.output().contains("permitted"),
                    "this kernel does not mount it: " + result.output());
            throw new IOException(mount + ": " + result.output());
        }
        return new MountedImage(device, mountPoint);
    }

    /** The root of the mounted filesystem. */
    public Path path() {
        return mountPoint;
    }

    /** The loop device: {@code /dev/loop0}. */
    public String device() {
        return device.path().toString();
    }

    /** Everything written so far is in the file, which stays mounted. */
    public void sync() throws IOException {
        ExternalTool.run("sync", "-f", mountPoint.toString());
        ExternalTool.run("blockdev", "--flushbufs", device());
    }

    @Override
    public void close() throws IOException {
        ExternalTool.Result result = ExternalTool.attempt("", "umount", mountPoint.toString());
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        while (result.exitCode() != 0 && result.output().contains("busy") && System.nanoTime() < deadline) {
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
            result = ExternalTool.attempt("", "umount", mountPoint.toString());
        }
        device.close();
        if (result.exitCode() != 0) {
            throw new IOException("umount " + mountPoint + ": " + result.output());
        }
    }
}
