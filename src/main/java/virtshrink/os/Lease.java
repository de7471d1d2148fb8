package virtshrink.os;

import java.util.Optional;

/**
 * A write lease, {@code fcntl(2)}: granted only to the one open file description of a file, and while it lasts the kernel lets every other
 * opener wait until it is given up (at most {@code /proc/sys/fs/lease-break-time}). One who will not wait ({@code O_NONBLOCK}) is told so.
 */
public final class Lease implements AutoCloseable {
    private static final int F_SETSIG = 10;
    private static final int F_SETLEASE = 1024;
    private static final int F_GETLEASE = 1025;
    private static final int F_WRLCK = 1;
    private static final int F_UNLCK = 2;
    private static final int SIGURG = 23;

    private final OpenFile file;

    private Lease(OpenFile file) {
        this.file = file;
    }

    /** Takes the lease; empty if the file is open elsewhere. */
    static Optional<Lease> tryTake(OpenFile file) throws OsException {
        // An opener makes the kernel send SIGIO to the holder, which would end the JVM. SIGURG is ignored unless
        // someone asks for it.
        if (Libc.fcntl(file.descriptor(), F_SETSIG, SIGURG) != 0) {
            throw OsException.last("F_SETSIG", file.path());
        }
        if (Libc.fcntl(file.descriptor(), F_SETLEASE, F_WRLCK) == 0) {
            return Optional.of(new Lease(file));
        }
        OsException failure = OsException.last("F_SETLEASE", file.path());
        if (failure.is(Errno.EAGAIN)) {
            return Optional.empty();
        }
        throw failure;
    }

    /**
     * Whether somebody waits to open the file, or has opened it because the lease lasted too long. Who has merely looked up the file's name
     * does not show yet.
     */
    public boolean isWanted() throws OsException {
        int type = Libc.fcntl(file.descriptor(), F_GETLEASE, 0);
        if (type < 0) {
            throw OsException.last("F_GETLEASE", file.path());
        }
        // While openers wait, the kernel shows what the lease is to become.
        return type != F_WRLCK;
    }

    @Override
    public void close() throws OsException {
        if (Libc.fcntl(file.descriptor(), F_SETLEASE, F_UNLCK) != 0) {
            OsException failure = OsException.last("F_SETLEASE", file.path());
            // EAGAIN: the kernel has taken it away already because we were slow.
            if (!failure.is(Errno.EAGAIN)) {
                throw failure;
            }
        }
    }
}
