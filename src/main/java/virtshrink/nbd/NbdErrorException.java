package virtshrink.nbd;

import org.jspecify.annotations.Nullable;

/** The server answered one request with an error. The connection stays usable, unless the server is shutting down. */
public final class NbdErrorException extends NbdException {
    private final int errno;

    NbdErrorException(String message, int errno, @Nullable Throwable cause) {
        super(message, cause);
        this.errno = errno;
    }

    /** The protocol's error value: those of its section "Error values" equal Linux's; others are the server's own. */
    public int errno() {
        return errno;
    }

    @Override
    NbdErrorException again() {
        return new NbdErrorException(String.valueOf(getMessage()), errno, this);
    }
}
