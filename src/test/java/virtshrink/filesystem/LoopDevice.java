package virtshrink.filesystem;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import virtshrink.block.ByteRange;
import virtshrink.block.ExternalTool;

/** A raw file, or a part of it, as a block device while this object is open. Skips the test where that cannot be done. */
public final class LoopDevice implements AutoCloseable {
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(60);

    private final String device;
    private final Optional<String> backing;

    private LoopDevice(String device) throws IOException {
        this.device = device;
        this.backing = backing();
    }

    /** Attaches a part of a file, or all of it. */
    public static LoopDevice attach(Path image, Optional<ByteRange> part) throws IOException {
        ExternalTool.assumeRoot();
        ExternalTool.assume("losetup", "mount");
        List<String> attach = new ArrayList<>(List.of("losetup", "--find", "--show"));
        part.ifPresent(range -> attach.addAll(List.of(
                "--offset", Long.toString(range.startBytes()), "--sizelimit", Long.toString(range.lengthBytes()))));
        attach.add(image.toString());
        return new LoopDevice(ExternalTool.run(attach.toArray(String[]::new)).strip());
    }

    /** For example {@code /dev/loop0}. */
    public Path path() {
        return Path.of(device);
    }

    /** A driver in user space may end a little later than its mount; what it wrote is in the file when the device has no file any more. */
    @Override
    public void close() throws IOException {
        ExternalTool.run("losetup", "--detach", device);
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        // Another process may take the device at once, for a file of its own.
        while (backing.isPresent() && backing().equals(backing)) {
            if (System.nanoTime() > deadline) {
                throw new IOException(device + " is still in use");
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(2));
        }
    }

    private Optional<String> backing() throws IOException {
        Path backing = Path.of("/sys/block", device.replaceFirst("^/dev/", ""), "loop", "backing_file");
        try {
            return Optional.of(Files.readString(backing));
        } catch (IOException detached) {
            // The file may go between its opening and its reading.
            if (Files.exists(backing)) {
                throw detached;
            }
            return Optional.empty();
        }
    }
}
