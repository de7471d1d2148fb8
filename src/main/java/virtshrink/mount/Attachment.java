package virtshrink.mount;

import java.io.IOException;
import java.nio.file.Path;

/** A device with a part of an image behind it. For one thread. */
public interface Attachment extends AutoCloseable {
    /** {@code /dev/nbd0}, … */
    Path device();

    /**
     * To be called when it has been mounted: by then the kernel has looked for a partition table in it.
     *
     * @throws IOException if it has found one, which is a guest's: its partitions are devices of this host now
     */
    void requireUndivided() throws IOException;

    /**
     * Detaches it in order: what was written is in the image when this returns, and the kernel has confirmed that nothing is attached.
     *
     * @throws IOException if anything of that did not happen; {@link #close} is still needed
     */
    void detach() throws IOException;

    /**
     * Detaches it by any means, without a care for what was written; nothing after {@link #detach}. Waits until the kernel confirms it.
     *
     * @throws IOException if it does not: the device stays taken, and the message says so and what to do
     */
    @Override
    void close() throws IOException;
}
