package virtshrink.nbd;

import org.jspecify.annotations.Nullable;

/** The server broke the protocol. Nothing it says can be trusted any more: the connection is closed, and every request on it fails. */
public final class NbdProtocolException extends NbdException {
    NbdProtocolException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    NbdProtocolException(String message) {
        this(message, null);
    }

    @Override
    NbdProtocolException again() {
        return new NbdProtocolException(String.valueOf(getMessage()), this);
    }
}
