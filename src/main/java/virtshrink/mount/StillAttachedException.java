package virtshrink.mount;

import java.io.IOException;

/** The host's kernel still has a part of the disk: no run goes on over that, and the administrator has to know. */
public final class StillAttachedException extends IOException {
    StillAttachedException(IOException cause) {
        super(cause.getMessage(), cause);
    }
}
