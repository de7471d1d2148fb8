package virtshrink.mount;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import virtshrink.image.ChildProcess;
import virtshrink.image.ChildResult;
import virtshrink.image.HostDevices;
import virtshrink.os.Mount;

/**
 * A device mounted in a mount namespace of its own, which a child process keeps alive: nobody on the host sees the mount, no service that starts
 * meanwhile takes a copy of it along, and when the child ends, for whatever reason, the kernel unmounts. For one thread.
 */
final class PrivateMount implements AutoCloseable {
    private static final String ALWAYS = "nosuid,nodev,noexec,noatime";
    private static final String KEEPER = "sleep";
    private static final Duration START_LIMIT = Duration.ofSeconds(30);
    /** The kernel may have to load a driver first, and to read a large filesystem's maps. */
    private static final Duration MOUNT_LIMIT = Duration.ofMinutes(2);

    private static final Duration BUSY_LIMIT = Duration.ofSeconds(10);
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    private final HostDevices host;
    private final ChildProcess keeper;
    private final Path point;

    private PrivateMount(HostDevices host, ChildProcess keeper, Path point) {
        this.host = host;
        this.keeper = keeper;
        this.point = point;
    }

    /**
     * Mounts.
     *
     * @throws IOException if the kernel does not, or not as it was asked to; nothing is mounted then
     */
    static PrivateMount mount(HostDevices host, Path device, KernelFilesystem filesystem, boolean writable)
            throws IOException {
        Path point = host.directory().resolve("volume");
        if (!Files.isDirectory(point)) {
            Files.createDirectory(
                    point, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        }
        ChildProcess keeper = host.children()
                .start("unshare", List.of("--mount", "--propagation", "private", "--", KEEPER, "infinity"));
        PrivateMount mount = new PrivateMount(host, keeper, point);
        try {
            mount.awaitNamespace();
            mount.mount(device, filesystem, writable);
            return mount;
        } catch (IOException | RuntimeException problem) {
            mount.close();
            throw problem;
        }
    }

    /** Its root directory, as this process can reach it. */
    Path root() {
        return Path.of("/proc/" + keeper.pid() + "/root" + point);
    }

    private void awaitNamespace() throws IOException {
        Path name = Path.of("/proc/" + keeper.pid() + "/comm");
        long deadline = System.nanoTime() + START_LIMIT.toNanos();
        while (!read(name).equals(KEEPER)) {
            if (!keeper.isAlive()) {
                throw new IOException("cannot make a mount namespace: "
                        + keeper.waitFor(START_LIMIT).stderrTail().strip());
            }
            if (System.nanoTime() - deadline > 0) {
                throw new IOException("no mount namespace within %d s".formatted(START_LIMIT.toSeconds()));
            }
            LockSupport.parkNanos(PAUSE_NANOS);
        }
    }

    private static String read(Path file) throws IOException {
        try {
            return Files.readString(file).strip();
        } catch (NoSuchFileException gone) {
            return "";
        }
    }

    private void mount(Path device, KernelFilesystem filesystem, boolean writable) throws IOException {
        List<String> options = new ArrayList<>(List.of(writable ? "rw" : "ro", ALWAYS));
        options.addAll(filesystem.options());
        // No helper program, and no guess at the type.
        host.children()
                .run(
                        "nsenter",
                        inNamespace(
                                "mount",
                                "--internal-only",
                                "--no-mtab",
                                "--types",
                                filesystem.kernelName(),
                                "--options",
                                String.join(",", options),
                                device.toString(),
                                point.toString()),
                        MOUNT_LIMIT)
                .require(0);
        Optional<Mount> made = Mount.ofProcess(keeper.pid(), point);
        boolean asAsked = made.isPresent()
                && made.get().type().equals(filesystem.kernelName())
                && made.get().source().equals(device.toString());
        if (!asAsked) {
            throw new IOException("mounting %s led to %s".formatted(device, made));
        }
        // mount(8) and some drivers fall back to reading when they may not write.
        if (made.get().writable() != writable) {
            throw new IOException("the kernel mounts this %s only to be %s"
                    .formatted(filesystem.type(), writable ? "read" : "written"));
        }
    }

    private List<String> inNamespace(String... command) {
        List<String> arguments = new ArrayList<>(List.of("--mount=/proc/" + keeper.pid() + "/ns/mnt", "--"));
        arguments.addAll(List.of(command));
        return arguments;
    }

    /**
     * Unmounts in order: everything is on the device when this returns.
     *
     * @throws IOException if the kernel refuses; {@link #close} is still needed
     */
    void unmount() throws IOException {
        long deadline = System.nanoTime() + BUSY_LIMIT.toNanos();
        while (true) {
            ChildResult result = host.undoing()
                    .run(
                            "nsenter",
                            inNamespace("umount", "--internal-only", "--no-mtab", point.toString()),
                            HostDevices.UNDO_LIMIT);
            if (result.succeeded()) {
                break;
            }
            if (!result.stderrTail().contains("busy") || System.nanoTime() - deadline > 0) {
                result.require(0);
            }
            LockSupport.parkNanos(PAUSE_NANOS);
        }
        if (Mount.ofProcess(keeper.pid(), point).isPresent()) {
            throw new IOException("something is still mounted at " + point);
        }
        close();
    }

    /** Ends the namespace, and with it whatever is mounted there; harmless after {@link #unmount}. The device tells when it is done. */
    @Override
    public void close() throws IOException {
        keeper.kill();
        if (!keeper.awaitEnd(HostDevices.UNDO_LIMIT)) {
            throw new IOException("process " + keeper.pid() + " does not end although it was killed");
        }
    }
}
