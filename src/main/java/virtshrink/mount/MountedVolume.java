package virtshrink.mount;

import java.io.IOException;
import java.nio.file.Path;
import virtshrink.block.ByteRange;
import virtshrink.image.HostDevices;
import virtshrink.image.ImageNode;

/** A volume of a disk, attached and mounted, and nothing but that volume. For one thread. */
public final class MountedVolume implements AutoCloseable {
    private final Attachment attachment;
    private final PrivateMount mount;

    private MountedVolume(Attachment attachment, PrivateMount mount) {
        this.attachment = attachment;
        this.mount = mount;
    }

    /**
     * Attaches and mounts.
     *
     * @param place of the volume on the disk: whole sectors
     * @throws IOException if that fails; all that was done is undone then, or is said to be still there
     */
    static MountedVolume mount(
            Attacher attacher,
            HostDevices host,
            ImageNode disk,
            ByteRange place,
            KernelFilesystem filesystem,
            boolean writable)
            throws IOException {
        Attachment attachment = attacher.attach(host, disk.part(place), place.lengthBytes(), writable);
        try {
            PrivateMount mount = PrivateMount.mount(host, attachment.device(), filesystem, writable);
            try {
                attachment.requireUndivided();
            } catch (IOException | RuntimeException problem) {
                mount.close();
                throw problem;
            }
            return new MountedVolume(attachment, mount);
        } catch (IOException | RuntimeException problem) {
            try {
                attachment.close();
            } catch (IOException worse) {
                worse.addSuppressed(problem);
                throw new StillAttachedException(worse);
            }
            throw problem;
        }
    }

    /** The root directory of the filesystem. */
    public Path root() {
        return mount.root();
    }

    /**
     * Unmounts and detaches in order: everything written is in the image, and the kernel has confirmed that it holds nothing any more.
     *
     * @throws IOException if anything of that did not happen; {@link #close} is still needed
     */
    public void unmount() throws IOException {
        mount.unmount();
        attachment.detach();
    }

    /**
     * Undoes what is there, whatever becomes of the content; nothing after {@link #unmount}.
     *
     * @throws StillAttachedException if the kernel does not give it up
     */
    @Override
    public void close() throws IOException {
        try {
            try {
                mount.close();
            } finally {
                attachment.close();
            }
        } catch (IOException problem) {
            throw new StillAttachedException(problem);
        }
    }
}
