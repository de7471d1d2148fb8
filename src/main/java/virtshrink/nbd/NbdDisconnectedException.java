package virtshrink.nbd;

import org.jspecify.annotations.Nullable;

/** The connection is gone: the server closed it or died, or this side did. Every request on it fails. */
public final class NbdDisconnectedException extends NbdException {
    NbdDisconnectedException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    NbdDisconnectedException(String message) {
        this(message, null);
    }

    @Override
    NbdDisconnectedException again() {
        return new NbdDisconnectedException(String.valueOf(getMessage()), this);
    }
}
