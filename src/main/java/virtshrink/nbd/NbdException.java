package virtshrink.nbd;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Why an NBD server's answer could not be had. The message names the server's socket; text that a server sent is shortened and stripped of
 * control characters.
 */
public abstract sealed class NbdException extends IOException
        permits NbdDisconnectedException,
                NbdErrorException,
                NbdProtocolException,
                NbdRefusedException,
                NbdTimeoutException {
    NbdException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /** The same failure for another thread or a later request, with the first one as its cause. */
    abstract NbdException again();
}
