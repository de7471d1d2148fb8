package virtshrink.mount;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import virtshrink.image.ChildProcess;
import virtshrink.image.HostDevices;
import virtshrink.image.NbdDevice;

/** A device of the NBD driver with our {@code qemu-nbd} behind it. */
final class NbdAttachment implements Attachment {
    private final HostDevices host;
    private final NbdDevice device;
    private final DeviceClaim claim;
    private final ChildProcess server;
    private boolean over;

    NbdAttachment(HostDevices host, NbdDevice device, DeviceClaim claim, ChildProcess server) {
        this.host = host;
        this.device = device;
        this.claim = claim;
        this.server = server;
    }

    ChildProcess server() {
        return server;
    }

    @Override
    public Path device() {
        return device.node();
    }

    @Override
    public void requireUndivided() throws IOException {
        List<String> partitions = device.partitions();
        if (!partitions.isEmpty()) {
            throw new IOException("the kernel takes a part of it for a partition table and sees " + partitions);
        }
    }

    @Override
    public void detach() throws IOException {
        // Only while our own server, which lives, has the device: disconnecting somebody else's would be the end of his
        // data.
        if (!device.isServedBy(server.pid())) {
            throw new IOException(device.node() + " is no longer served by our qemu-nbd");
        }
        host.undoing()
                .run("qemu-nbd", List.of("--disconnect", device.node().toString()), HostDevices.UNDO_LIMIT)
                .require(0);
        server.waitFor(HostDevices.UNDO_LIMIT).require(0);
        requireFree();
    }

    /** The driver has given the device to another claimant; our server has ended. */
    void isSomebodyElses() throws IOException {
        over = true;
        claim.close();
    }

    @Override
    public void close() throws IOException {
        if (over) {
            return;
        }
        // Its end is the connection's: the driver answers what is still asked with errors, so that nothing waits for
        // ever.
        server.kill();
        if (!server.awaitEnd(HostDevices.UNDO_LIMIT)) {
            throw stillTaken("qemu-nbd (process " + server.pid() + ") does not end although it was killed");
        }
        requireFree();
    }

    private void requireFree() throws IOException {
        if (!device.awaitFree(HostDevices.UNDO_LIMIT)) {
            throw stillTaken("the kernel does not give it up");
        }
        over = true;
        claim.close();
    }

    private IOException stillTaken(String why) {
        return new IOException(
                "%s is still taken: %s; see who uses it with: fuser -vm %s, and then end it with: qemu-nbd --disconnect %s"
                        .formatted(device.node(), why, device.node(), device.node()));
    }
}
