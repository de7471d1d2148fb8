package virtshrink.mount;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import virtshrink.block.ByteRange;
import virtshrink.image.HostDevices;
import virtshrink.image.ImageNode;
import virtshrink.os.Hosts;

/** What the host's kernel can do for volumes that this program cannot read. Thread-safe. */
public final class HostKernel {
    private final Attacher attacher;
    private final List<KernelFilesystem> filesystems;

    /** That of this host. */
    public HostKernel() {
        this(new NbdAttacher(), KernelFilesystem.ALL);
    }

    /** One that attaches otherwise, or mounts other filesystems. */
    public HostKernel(Attacher attacher, List<KernelFilesystem> filesystems) {
        this.attacher = attacher;
        this.filesystems = List.copyOf(filesystems);
    }

    /** How a type of filesystem is mounted; empty if it is not. */
    public Optional<KernelFilesystem> filesystem(String type) {
        return filesystems.stream()
                .filter(filesystem -> filesystem.type().equals(type))
                .findFirst();
    }

    /** Why nothing can be mounted here, and what to do about it; empty if something can. */
    public Optional<String> objection() throws IOException {
        if (Hosts.effectiveUid() != 0) {
            return Optional.of("only root can mount");
        }
        return attacher.objection();
    }

    /**
     * Mounts a volume.
     *
     * @param disk that it lies on
     * @param place of the volume there: whole sectors
     * @param writable for an overlay that nobody keeps if anything goes wrong
     * @throws StillAttachedException if it failed and could not be undone
     * @throws IOException if it failed
     */
    public MountedVolume mount(
            HostDevices host, ImageNode disk, ByteRange place, KernelFilesystem filesystem, boolean writable)
            throws IOException {
        return MountedVolume.mount(attacher, host, disk, place, filesystem, writable);
    }
}
