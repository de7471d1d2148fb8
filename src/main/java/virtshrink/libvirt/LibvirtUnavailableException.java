package virtshrink.libvirt;

import java.io.IOException;

/** libvirt could not be reached, or did not answer. The message says what was asked, of which connection, and what to do next. */
public final class LibvirtUnavailableException extends IOException {
    public LibvirtUnavailableException(String message) {
        super(message);
    }

    public LibvirtUnavailableException(String message, Throwable cause) {
        super(message, cause);
    }
}
