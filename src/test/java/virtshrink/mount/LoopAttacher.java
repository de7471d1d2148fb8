package virtshrink.mount;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import virtshrink.block.ExternalTool;
import virtshrink.image.ChildProcess;
import virtshrink.image.HostDevices;
import virtshrink.image.ImageNode;
import virtshrink.image.QemuNbd;
import virtshrink.image.ServeOptions;

/**
 * What {@link NbdAttacher} does, on machines whose kernel has no NBD driver: the same server, its socket as a file through FUSE, a loop device on
 * that. Ends as it does when its children are killed: the device answers with errors, and is free when nobody has it open any more.
 */
public final class LoopAttacher implements Attacher {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(5);
    /** Holds the device, so that detaching it means: when the last one who has it open has closed it. */
    private static final String HOLD = "exec 3<\"$1\"; losetup --detach \"$1\"; echo held; exec sleep infinity";

    /** Skips the test where the tools are absent. */
    public static void assumeTools() {
        ExternalTool.assumeRoot();
        ExternalTool.assume("nbdfuse", "libnbd-bin");
        ExternalTool.assume("fusermount3", "fuse3");
        ExternalTool.assume("losetup", "mount");
    }

    @Override
    public Optional<String> objection() {
        return Optional.empty();
    }

    @Override
    public Attachment attach(HostDevices host, ImageNode image, long sizeBytes, boolean writable) throws IOException {
        Path socket = host.directory().resolve("loop.sock");
        ServeOptions options = writable
                ? ServeOptions.writable(image, socket).withCache(ServeOptions.CacheMode.UNSAFE)
                : ServeOptions.readOnly(image, socket);
        QemuNbd server = QemuNbd.serve(host.children(), options, LIMIT);
        Path file = host.directory().resolve("loop.img");
        Files.deleteIfExists(file);
        Files.createFile(file);
        ChildProcess fuse = host.children().start("nbdfuse", arguments(file, socket, writable));
        await(() -> Files.size(file) == sizeBytes, "nbdfuse does not serve the file");
        String device = ExternalTool.run(attach(file, writable)).strip();
        ChildProcess holder = host.children().start("sh", List.of("-c", HOLD, "sh", device));
        LoopAttachment attachment = new LoopAttachment(host, Path.of(device), file, server, fuse, holder);
        await(
                () -> ExternalTool.run("losetup", "--list", "--noheadings", "--output", "AUTOCLEAR", device)
                        .strip()
                        .equals("1"),
                "losetup does not detach");
        return attachment;
    }

    private static List<String> arguments(Path file, Path socket, boolean writable) {
        return writable
                ? List.of(file.toString(), "--unix", socket.toString())
                : List.of("-r", file.toString(), "--unix", socket.toString());
    }

    private static String[] attach(Path file, boolean writable) {
        return writable
                ? new String[] {"losetup", "--find", "--show", file.toString()}
                : new String[] {"losetup", "--find", "--show", "--read-only", file.toString()};
    }

    interface Condition {
        boolean holds() throws IOException;
    }

    static void await(Condition condition, String otherwise) throws IOException {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (!condition.holds()) {
            if (System.nanoTime() - deadline > 0) {
                throw new IOException(otherwise);
            }
            LockSupport.parkNanos(PAUSE_NANOS);
        }
    }

    /** All of it together. */
    private static final class LoopAttachment implements Attachment {
        private final HostDevices host;
        private final Path device;
        private final Path file;
        private final QemuNbd server;
        private final ChildProcess fuse;
        private final ChildProcess holder;
        private boolean over;

        LoopAttachment(
                HostDevices host, Path device, Path file, QemuNbd server, ChildProcess fuse, ChildProcess holder) {
            this.host = host;
            this.device = device;
            this.file = file;
            this.server = server;
            this.fuse = fuse;
            this.holder = holder;
        }

        @Override
        public Path device() {
            return device;
        }

        /** A loop device is looked at for partitions only if it is asked to be. */
        @Override
        public void requireUndivided() {}

        @Override
        public void detach() throws IOException {
            endHolder();
            host.undoing()
                    .run("fusermount3", List.of("-u", file.toString()), LIMIT)
                    .require(0);
            fuse.waitFor(LIMIT);
            server.stop(LIMIT);
            over = true;
        }

        @Override
        public void close() throws IOException {
            if (over) {
                return;
            }
            over = true;
            server.close();
            fuse.kill();
            endHolder();
            host.undoing().run("fusermount3", List.of("-u", "-z", file.toString()), LIMIT);
        }

        private void endHolder() throws IOException {
            holder.kill();
            await(() -> isFree(), device + " is still taken");
        }

        private boolean isFree() throws IOException {
            return !Files.exists(Path.of("/sys/block", String.valueOf(device.getFileName()), "loop"))
                    || !ExternalTool.attempt(
                                    "", "losetup", "--list", "--noheadings", "--output", "BACK-FILE", device.toString())
                            .output()
                            .contains(host.directory().toString());
        }
    }
}
