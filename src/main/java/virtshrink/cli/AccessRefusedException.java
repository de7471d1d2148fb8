package virtshrink.cli;

import java.io.IOException;

/** The daemon answers, but not to this user. */
final class AccessRefusedException extends IOException {
    AccessRefusedException(String message) {
        super(message);
    }
}
