package virtshrink.nbd;

import org.jspecify.annotations.Nullable;

/** The server was silent for too long, or stopped reading. The connection is closed, and every request on it fails. */
public final class NbdTimeoutException extends NbdException {
    NbdTimeoutException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    NbdTimeoutException(String message) {
        this(message, null);
    }

    @Override
    NbdTimeoutException again() {
        return new NbdTimeoutException(String.valueOf(getMessage()), this);
    }
}
