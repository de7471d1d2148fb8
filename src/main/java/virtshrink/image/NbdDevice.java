package virtshrink.image;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;

/**
 * A device of the kernel's NBD driver and what {@code /sys/block} says of it. The file {@code pid} is there from the moment a client is
 * connected until the last one who has the device open has closed it; it names the thread, not the process, that serves the connection.
 *
 * @param system {@code /sys/block}, or what stands for it
 * @param name {@code nbd0}, …
 */
public record NbdDevice(Path system, String name) {
    /** {@code /sys/block}. */
    public static final Path SYSTEM = Path.of("/sys/block");

    private static final Pattern NAME = Pattern.compile("nbd[0-9]{1,4}");
    private static final int SECTOR_BYTES = 512;
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

    public NbdDevice {
        if (!isName(name)) {
            throw new IllegalArgumentException("no NBD device: " + name);
        }
    }

    static boolean isName(String name) {
        return NAME.matcher(name).matches();
    }

    /** All that there are, used or not, the lowest number first; none without the driver. */
    public static List<NbdDevice> all(Path system) throws IOException {
        List<NbdDevice> devices = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(system, "nbd*")) {
            for (Path entry : entries) {
                String name = String.valueOf(entry.getFileName());
                if (isName(name)) {
                    devices.add(new NbdDevice(system, name));
                }
            }
        } catch (NoSuchFileException noDevices) {
            return List.of();
        }
        devices.sort(Comparator.comparingInt(device -> Integer.parseInt(device.name.substring(3))));
        return devices;
    }

    /** {@code /dev/nbd0}, … */
    public Path node() {
        return Path.of("/dev", name);
    }

    /** The thread that serves it; empty if nothing is connected and nobody has it open who had it when something was. */
    public OptionalLong servingThread() throws IOException {
        Optional<String> pid = attribute("pid");
        try {
            return pid.isPresent() ? OptionalLong.of(Long.parseLong(pid.get())) : OptionalLong.empty();
        } catch (NumberFormatException noNumber) {
            throw new IOException(system + " says of " + name + " that it is served by " + pid.get());
        }
    }

    /** Whether a thread of that process serves it. */
    public boolean isServedBy(long pid) throws IOException {
        OptionalLong thread = servingThread();
        return thread.isPresent() && Files.isDirectory(Path.of("/proc/" + pid + "/task/" + thread.getAsLong()));
    }

    /** Its size in bytes; 0 while nothing is connected. */
    public long sizeBytes() throws IOException {
        return Math.multiplyExact(Long.parseLong(attribute("size").orElse("0")), SECTOR_BYTES);
    }

    /** Whether nobody can write to it. */
    public boolean isReadOnly() throws IOException {
        return attribute("ro").orElse("0").equals("1");
    }

    /** What the kernel has found to be partitions of it: {@code nbd0p1}, … */
    public List<String> partitions() throws IOException {
        List<String> partitions = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(system.resolve(name), name + "p*")) {
            entries.forEach(entry -> partitions.add(String.valueOf(entry.getFileName())));
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        partitions.sort(Comparator.naturalOrder());
        return partitions;
    }

    /** Whether the kernel says that nothing is connected. */
    public boolean isFree() throws IOException {
        return servingThread().isEmpty() && sizeBytes() == 0;
    }

    /** Waits until {@link #isFree}; returns false if it is not by then. */
    public boolean awaitFree(Duration limit) throws IOException {
        long deadline = System.nanoTime() + limit.toNanos();
        while (!isFree()) {
            if (System.nanoTime() - deadline > 0) {
                return false;
            }
            LockSupport.parkNanos(PAUSE_NANOS);
        }
        return true;
    }

    private Optional<String> attribute(String key) throws IOException {
        try {
            return Optional.of(
                    Files.readString(system.resolve(name).resolve(key)).strip());
        } catch (NoSuchFileException none) {
            return Optional.empty();
        } catch (IOException problem) {
            // It may go between its opening and its reading.
            if (!Files.exists(system.resolve(name).resolve(key))) {
                return Optional.empty();
            }
            throw problem;
        }
    }
}
