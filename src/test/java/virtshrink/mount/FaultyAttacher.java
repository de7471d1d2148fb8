package virtshrink.mount;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import virtshrink.image.HostDevices;
import virtshrink.image.ImageNode;

/** Attaches by another one, and something goes wrong with one of the attachments. */
public final class FaultyAttacher implements Attacher {
    private final Attacher real = new LoopAttacher();
    private int count;
    private int faultyAt = Integer.MAX_VALUE;
    private Fault fault = Fault.NONE;

    /** What happens to the attachment; every method does what is right unless it is overridden. */
    public interface Fault {
        Fault NONE = new Fault() {};

        /** Before it is attached. */
        default void attaching() throws IOException {}

        /** When it has been mounted, used and unmounted, before it is detached. */
        default void detaching(ImageNode image) throws IOException {}

        /** When it has been detached by whatever means. */
        default void detached() throws IOException {}
    }

    /**
     * Makes one go wrong.
     *
     * @param number of the attachment, from 1
     */
    public FaultyAttacher at(int number, Fault what) {
        faultyAt = number;
        fault = what;
        return this;
    }

    /** How many there were. */
    public int count() {
        return count;
    }

    @Override
    public Optional<String> objection() {
        return Optional.empty();
    }

    @Override
    public Attachment attach(HostDevices host, ImageNode image, long sizeBytes, boolean writable) throws IOException {
        boolean faulty = ++count == faultyAt;
        Fault own = faulty ? fault : Fault.NONE;
        own.attaching();
        Attachment attachment = real.attach(host, image, sizeBytes, writable);
        return new Attachment() {
            private boolean over;

            @Override
            public Path device() {
                return attachment.device();
            }

            @Override
            public void requireUndivided() throws IOException {
                attachment.requireUndivided();
            }

            @Override
            public void detach() throws IOException {
                own.detaching(image);
                attachment.detach();
                own.detached();
                over = true;
            }

            @Override
            public void close() throws IOException {
                if (!over) {
                    attachment.close();
                    own.detached();
                    over = true;
                }
            }
        };
    }
}
