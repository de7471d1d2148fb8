package virtshrink.os;

import com.sun.jna.Native;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/** A system call failed. The message names the call, what it was applied to, and the error: {@code renameat2 /x/y: EXDEV (Invalid cross-device link)}. */
public final class OsException extends IOException {
    private final String call;
    private final int number;

    OsException(String call, Object subject, int number) {
        super(call + " " + subject + ": " + Errno.describe(number));
        this.call = call;
        this.number = number;
    }

    /** From the calling thread's last failed call. */
    static OsException last(String call, Path path) {
        return new OsException(call, path, Native.getLastError());
    }

    /** Name of the system call that failed. */
    public String call() {
        return call;
    }

    /** The error if it is one that {@link Errno} knows. */
    public Optional<Errno> errno() {
        return Errno.of(number);
    }

    public boolean is(Errno errno) {
        return number == errno.number();
    }

    /**
     * Whether the filesystem or kernel does not offer the operation at all, or not to this user: {@code EINVAL}, {@code EOPNOTSUPP},
     * {@code ENOTTY}, {@code ENOSYS}; also {@code EACCES}, with which a lease on another user's file is denied without {@code CAP_LEASE}.
     * Waiting or repeating does not help.
     */
    public boolean isUnsupported() {
        return is(Errno.EINVAL) || is(Errno.EOPNOTSUPP) || is(Errno.ENOTTY) || is(Errno.ENOSYS) || is(Errno.EACCES);
    }
}
