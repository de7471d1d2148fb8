package virtshrink.image;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * A running {@code qemu-nbd}. It ends by itself when its last client has gone, and with this process in any case. Not thread-safe, except that
 * {@link #close()} may be called from anywhere.
 */
public final class QemuNbd implements AutoCloseable {
    private static final String TOOL = "qemu-nbd";
    /** {@code sun_path} of unix(7), less its final zero byte. */
    private static final int MOST_SOCKET_BYTES = 107;

    private static final Duration POLL = Duration.ofMillis(2);
    /** Time for the natural end after the last client has gone, before it is asked to end. */
    private static final Duration NATURAL_END = Duration.ofMillis(250);

    private final ChildProcess child;
    private final Path socket;
    private final Path pidFile;

    private QemuNbd(ChildProcess child, Path socket, Path pidFile) {
        this.child = child;
        this.socket = socket;
        this.pidFile = pidFile;
    }

    /**
     * Starts to serve; clients can connect when this returns.
     *
     * @param limit for the start
     * @throws ToolFailedException with qemu-nbd's complaint if it cannot serve the image, or is not ready in time
     */
    public static QemuNbd serve(ChildProcessFactory children, ServeOptions options, Duration limit) throws IOException {
        Path socket = options.socket();
        requirePrivate(socket);
        Path pidFile = socket.resolveSibling(socket.getFileName() + ".pid");
        Files.deleteIfExists(pidFile);
        QemuNbd server = new QemuNbd(children.start(TOOL, arguments(options, pidFile)), socket, pidFile);
        try {
            server.awaitReady(limit);
            return server;
        } catch (IOException | RuntimeException e) {
            server.close();
            throw e;
        }
    }

    public Path socket() {
        return socket;
    }

    public long pid() {
        return child.pid();
    }

    /**
     * Waits for its end, to be called when all clients have disconnected: what they wrote is in the file then, and its lock is gone.
     *
     * @throws ToolFailedException if it failed, or did not end in time and was killed
     */
    public void stop(Duration limit) throws IOException {
        try {
            if (!child.awaitEnd(limit.compareTo(NATURAL_END) < 0 ? limit : NATURAL_END)) {
                // Without a client ever, it would wait for one. The signal leads to the same orderly end as the last
                // disconnect.
                child.terminate();
            }
            child.waitFor(limit).require(0);
        } finally {
            close();
        }
    }

    /** Kills it if it still runs. */
    @Override
    public void close() {
        child.close();
        // What cannot be deleted lies in the run's private directory and goes with it.
        pidFile.toFile().delete();
        socket.toFile().delete();
    }

    /**
     * The socket exists before the image has been opened, and a probing connection would count as the last client to go. The pid file is
     * written when everything is ready.
     */
    private void awaitReady(Duration limit) throws IOException {
        long deadline = System.nanoTime() + limit.toNanos();
        while (!Files.exists(pidFile) || Files.size(pidFile) == 0) {
            if (child.awaitEnd(POLL)) {
                ChildResult result = child.waitFor(limit);
                throw result.succeeded()
                        ? ToolFailedException.absurd(TOOL, "it ended before anybody connected")
                        : ToolFailedException.of(result);
            }
            if (System.nanoTime() - deadline > 0) {
                throw new ToolFailedException(
                        TOOL, OptionalInt.empty(), "was not ready within " + limit.toMillis() + " ms", "");
            }
        }
    }

    private static List<String> arguments(ServeOptions options, Path pidFile) {
        List<String> arguments = new ArrayList<>(List.of(
                "--socket=" + ToolArgument.of(options.socket()),
                "--pid-file=" + ToolArgument.of(pidFile),
                "--shared=" + options.connections(),
                "--cache=" + options.cache().qemuName()));
        if (options.readOnly()) {
            arguments.add("--read-only");
        }
        if (options.unmap()) {
            arguments.add("--discard=unmap");
        }
        if (options.detectZeroes()) {
            arguments.add("--detect-zeroes=unmap");
        }
        if (options.allocationDepth()) {
            arguments.add("--allocation-depth");
        }
        arguments.addAll(List.of("--", options.image().argument()));
        return arguments;
    }

    /** Whoever can connect can read the guest's disk, and write to it. */
    private static void requirePrivate(Path socket) throws IOException {
        if (socket.toString().getBytes(StandardCharsets.UTF_8).length > MOST_SOCKET_BYTES) {
            throw new IOException("the socket's path is longer than %d bytes: %s".formatted(MOST_SOCKET_BYTES, socket));
        }
        Path directory = socket.resolveSibling(".");
        Set<PosixFilePermission> open = new HashSet<>(Files.getPosixFilePermissions(directory));
        open.removeAll(EnumSet.of(
                PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE, PosixFilePermission.OWNER_EXECUTE));
        if (!open.isEmpty()) {
            throw new IOException("others may enter the directory of the socket " + socket);
        }
    }
}
