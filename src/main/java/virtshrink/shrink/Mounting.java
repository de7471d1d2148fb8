package virtshrink.shrink;

import virtshrink.inspect.ClosedVolumes;
import virtshrink.mount.HostKernel;

/**
 * What runs need to treat filesystems that have no reader, if they are asked to.
 *
 * @param closedVolumes tells which of them were closed
 * @param kernel mounts them
 */
record Mounting(ClosedVolumes closedVolumes, HostKernel kernel) {
    /** With what this host has. */
    static final Mounting OF_HOST = new Mounting(ClosedVolumes.KNOWN, new HostKernel());
}
