package virtshrink.nbd;

import org.jspecify.annotations.Nullable;

/** The server was reached and does not serve the export in a way this client can use. */
public final class NbdRefusedException extends NbdException {
    NbdRefusedException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    NbdRefusedException(String message) {
        this(message, null);
    }

    @Override
    NbdRefusedException again() {
        return new NbdRefusedException(String.valueOf(getMessage()), this);
    }
}
