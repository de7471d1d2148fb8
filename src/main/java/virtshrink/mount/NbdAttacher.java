package virtshrink.mount;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import virtshrink.image.ChildProcess;
import virtshrink.image.ChildResult;
import virtshrink.image.HostDevices;
import virtshrink.image.ImageNode;
import virtshrink.image.NbdDevice;

/**
 * Attaches through {@code qemu-nbd} and the kernel's NBD driver. Which of several claimants gets a device is the driver's to decide: it answers
 * EBUSY to all but one, and qemu-nbd ends then without having touched it. Runs of this program agree before, by locks on files.
 */
public final class NbdAttacher implements Attacher {
    private static final String TOOL = "qemu-nbd";
    private static final Duration START_LIMIT = Duration.ofSeconds(30);
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

    private final Path system;

    /** That of this host. */
    public NbdAttacher() {
        this(NbdDevice.SYSTEM);
    }

    /** @param system stands for {@code /sys/block} */
    public NbdAttacher(Path system) {
        this.system = system;
    }

    @Override
    public Optional<String> objection() throws IOException {
        List<NbdDevice> devices = NbdDevice.all(system);
        if (devices.isEmpty()) {
            return Optional.of("the kernel's driver for network block devices is not loaded; load it with: modprobe nbd"
                    + " (and at every start with: echo nbd >/etc/modules-load.d/nbd.conf)");
        }
        if (!Files.exists(devices.get(0).node())) {
            return Optional.of(
                    devices.get(0).node()
                            + " does not exist for this process; a service of systemd needs /usr/share/doc/virt-shrink/examples/mounting-filler.conf");
        }
        return Optional.empty();
    }

    @Override
    public Attachment attach(HostDevices host, ImageNode image, long sizeBytes, boolean writable) throws IOException {
        List<String> taken = new ArrayList<>();
        for (NbdDevice device : NbdDevice.all(system)) {
            Optional<DeviceClaim> claim = device.isFree() ? DeviceClaim.tryTake(host, device) : Optional.empty();
            if (claim.isEmpty()) {
                continue;
            }
            NbdAttachment attachment =
                    new NbdAttachment(host, device, claim.get(), start(host, device, image, writable, claim.get()));
            try {
                if (awaitConnected(attachment.server(), device)) {
                    requireAsExpected(device, sizeBytes, writable);
                    return attachment;
                }
                ChildResult refused = attachment.server().waitFor(START_LIMIT);
                taken.add(refused.stderrTail().strip());
                // Somebody else was faster, and it is theirs. Everything else concerns every device.
                if (!refused.stderrTail().contains("busy")) {
                    refused.require(0);
                }
                attachment.isSomebodyElses();
            } catch (IOException | RuntimeException problem) {
                closeAfter(problem, attachment);
                throw problem;
            }
        }
        throw new IOException("none of the devices /dev/nbd* is free" + (taken.isEmpty() ? "" : " " + taken));
    }

    private static ChildProcess start(
            HostDevices host, NbdDevice device, ImageNode image, boolean writable, DeviceClaim claim)
            throws IOException {
        try {
            return host.children().start(TOOL, arguments(host, device, image, writable));
        } catch (IOException | RuntimeException problem) {
            claim.close();
            throw problem;
        }
    }

    /** What cannot be undone is worse than whatever led to it. */
    private static void closeAfter(Exception problem, Attachment attachment) throws StillAttachedException {
        try {
            attachment.close();
        } catch (IOException worse) {
            worse.addSuppressed(problem);
            throw new StillAttachedException(worse);
        }
    }

    /** In the foreground, which it is only if it talks: a child that makes itself a daemon would outlive us. */
    private static List<String> arguments(HostDevices host, NbdDevice device, ImageNode image, boolean writable) {
        List<String> arguments = new ArrayList<>(List.of(
                "--verbose",
                "--connect=" + device.node(),
                "--socket=" + host.directory().resolve(device.name() + ".sock")));
        // Nobody keeps the overlay if the host fails.
        arguments.addAll(
                writable
                        ? List.of("--cache=unsafe", "--discard=unmap", "--detect-zeroes=unmap")
                        : List.of("--cache=writeback", "--read-only"));
        arguments.addAll(List.of("--", image.argument()));
        return arguments;
    }

    /** Returns false if the server ended instead. */
    private static boolean awaitConnected(ChildProcess server, NbdDevice device) throws IOException {
        long deadline = System.nanoTime() + START_LIMIT.toNanos();
        while (!device.isServedBy(server.pid()) || device.sizeBytes() == 0) {
            if (!server.isAlive()) {
                return false;
            }
            if (System.nanoTime() - deadline > 0) {
                throw new IOException(
                        "qemu-nbd did not connect %s within %d s".formatted(device.node(), START_LIMIT.toSeconds()));
            }
            LockSupport.parkNanos(PAUSE_NANOS);
        }
        return true;
    }

    private static void requireAsExpected(NbdDevice device, long sizeBytes, boolean writable) throws IOException {
        if (device.sizeBytes() != sizeBytes) {
            throw new IOException(
                    "%s has %d bytes instead of %d".formatted(device.node(), device.sizeBytes(), sizeBytes));
        }
        if (device.isReadOnly() == writable) {
            throw new IOException(device.node() + (writable ? " cannot be written to" : " can be written to"));
        }
    }
}
