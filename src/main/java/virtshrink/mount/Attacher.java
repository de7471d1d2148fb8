package virtshrink.mount;

import java.io.IOException;
import java.util.Optional;
import virtshrink.image.HostDevices;
import virtshrink.image.ImageNode;

/** Makes a block device of the host of an image. Thread-safe. */
public interface Attacher {
    /** Why that is not possible on this host, and what to do about it; empty if it is. */
    Optional<String> objection() throws IOException;

    /**
     * Attaches an image, or a part of one: see {@link ImageNode#part}.
     *
     * @param sizeBytes what its size must be
     * @param writable for what nobody else uses, and nobody keeps if anything goes wrong
     * @throws IOException if it cannot be attached; nothing is, then
     */
    Attachment attach(HostDevices host, ImageNode image, long sizeBytes, boolean writable) throws IOException;
}
