package virtshrink.os;

import java.nio.file.Path;
import java.util.Optional;
import java.util.function.IntSupplier;

/**
 * An open file with what Java's channels lack: locks that belong to the open file description, and leases; its {@link #inode()} and its {@link
 * #content()} with what they lack there. Never inherited by child processes. Every failure is an {@link OsException}. Not thread-safe; {@link #close()} more than once is harmless.
 */
public final class OpenFile implements AutoCloseable {
    private static final int O_RDONLY = 0;
    private static final int O_RDWR = 2;
    private static final int O_CREAT = 0100;
    private static final int O_EXCL = 0200;
    private static final int O_NOCTTY = 0400;
    private static final int O_NONBLOCK = 04000;
    private static final int O_CLOEXEC = 02000000;

    private static final int LOCK_SH_NB = 1 | 4;
    private static final int LOCK_EX_NB = 2 | 4;

    private final Path path;
    private int descriptor;

    private OpenFile(Path path, int descriptor) {
        this.path = path;
        this.descriptor = descriptor;
    }

    /** For reading; follows symbolic links. Does not hang on a pipe that nobody writes to. */
    public static OpenFile readOnly(Path path) throws OsException {
        return openExisting(path, O_RDONLY);
    }

    /** For reading and writing; follows symbolic links. */
    public static OpenFile readWrite(Path path) throws OsException {
        return openExisting(path, O_RDWR);
    }

    /** A directory, for {@link #sync()} and {@link #status()}. */
    public static OpenFile directory(Path path) throws OsException {
        return new OpenFile(path, open(path, O_RDONLY | OpenFlags.O_DIRECTORY, 0));
    }

    /**
     * A new file for reading and writing.
     *
     * @param mode its permissions exactly, whatever the umask; never wider than that from the first moment
     * @throws OsException also with {@code EEXIST} if there is something at the path already, be it a dangling link
     */
    public static OpenFile createExclusive(Path path, int mode) throws OsException {
        int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | OpenFlags.O_NOFOLLOW, mode & 0600);
        OpenFile file = new OpenFile(path, descriptor);
        try {
            file.inode().chmod(mode);
        } catch (OsException e) {
            file.close();
            Libc.unlink(PathBytes.of(path));
            throw e;
        }
        return file;
    }

    /**
     * A new file for reading and writing that only its owner may open, also on filesystems that keep no modes and refuse to be given one.
     *
     * @throws OsException also with {@code EEXIST} if there is something at the path already, be it a dangling link
     */
    public static OpenFile createPrivate(Path path) throws OsException {
        return new OpenFile(path, open(path, O_RDWR | O_CREAT | O_EXCL | OpenFlags.O_NOFOLLOW, 0600));
    }

    /**
     * A new file for reading and writing that never has a name and is gone when it is closed, however that happens.
     *
     * @throws OsException with {@link OsException#isUnsupported()} where the filesystem cannot do that
     */
    public static OpenFile createUnnamed(Path directory) throws OsException {
        return new OpenFile(directory, open(directory, O_RDWR | O_EXCL | OpenFlags.O_TMPFILE, 0600));
    }

    private static OpenFile openExisting(Path path, int access) throws OsException {
        try {
            return new OpenFile(path, open(path, access | O_NONBLOCK, 0));
        } catch (OsException e) {
            if (!e.is(Errno.EAGAIN)) {
                throw e;
            }
            // Someone holds a lease on it, which only a regular file can have: wait until it is given up.
            return new OpenFile(path, open(path, access, 0));
        }
    }

    private static int open(Path path, int flags, int mode) throws OsException {
        byte[] name = PathBytes.of(path);
        return check("open", path, () -> Libc.open(name, flags | O_CLOEXEC | O_NOCTTY, mode));
    }

    /** As given when it was opened. */
    public Path path() {
        return path;
    }

    /** A name that leads to this very file for as long as it is open, whatever becomes of its own; also for child processes. */
    public Path procPath() {
        return Path.of("/proc/" + ProcessHandle.current().pid() + "/fd/" + descriptor());
    }

    public FileStatus status() throws OsException {
        return FileStatus.ofDescriptor(descriptor(), path);
    }

    /** Content and attributes are on the disk when this returns ({@code fsync}). */
    public void sync() throws OsException {
        check("fsync", () -> Libc.fsync(descriptor()));
    }

    /** Content and what is needed to find it are on the disk when this returns ({@code fdatasync}). */
    public void syncData() throws OsException {
        check("fdatasync", () -> Libc.fdatasync(descriptor()));
    }

    /** The whole filesystem on which the file lies is on the disk when this returns, and what was deleted is free ({@code syncfs}). */
    public void syncFilesystem() throws OsException {
        check("syncfs", () -> Libc.syncfs(descriptor()));
    }

    /**
     * Takes a shared lock on bytes of the file for this open file description ({@code F_OFD_SETLK}); does not wait.
     *
     * @param length 0 means up to any end of the file
     * @return false if someone else has a conflicting lock
     */
    public boolean tryReadLock(long offset, long length) throws OsException {
        return ByteLocks.trySet(this, ByteLocks.F_RDLCK, offset, length);
    }

    /** Gives bytes of the file free that were locked through this object. */
    public void unlock(long offset, long length) throws OsException {
        ByteLocks.trySet(this, ByteLocks.F_UNLCK, offset, length);
    }

    /** Whether another open file description holds a lock of any kind on any of these bytes; takes none ({@code F_OFD_GETLK}). */
    public boolean wouldWriteLockConflict(long offset, long length) throws OsException {
        return ByteLocks.isHeldByOthers(this, offset, length);
    }

    /**
     * Takes an exclusive {@code flock(2)}, gone when this object is closed; does not wait.
     *
     * @return false if someone else has one
     */
    public boolean tryExclusiveFlock() throws OsException {
        return tryFlock(LOCK_EX_NB);
    }

    /** As {@link #tryExclusiveFlock()}, shared with others who ask for no more. */
    public boolean trySharedFlock() throws OsException {
        return tryFlock(LOCK_SH_NB);
    }

    private boolean tryFlock(int operation) throws OsException {
        try {
            check("flock", () -> Libc.flock(descriptor(), operation));
            return true;
        } catch (OsException e) {
            if (e.is(Errno.EAGAIN)) {
                return false;
            }
            throw e;
        }
    }

    /**
     * Whether nobody else has the file open or mapped at this moment, kernel users such as loop devices included. Asked by taking a write lease
     * and giving it back at once; an opener that comes in this instant waits for it and is not disturbed.
     *
     * @throws OsException with {@link OsException#isUnsupported()} where the filesystem has no leases or the user may not take them
     */
    public boolean isOnlyOpener() throws OsException {
        Optional<Lease> lease = tryLease();
        if (lease.isEmpty()) {
            return false;
        }
        lease.get().close();
        return true;
    }

    /**
     * A lease that makes whoever opens the file wait until it is closed; empty if somebody has it open or mapped already. To be held for
     * moments only.
     *
     * @throws OsException with {@link OsException#isUnsupported()} where the filesystem has no leases or the user may not take them
     */
    public Optional<Lease> tryLease() throws OsException {
        return Lease.tryTake(this);
    }

    /** Owner, mode, times, flags and extended attributes; usable as long as this is open. */
    public Inode inode() {
        return new Inode(this);
    }

    /** Bytes, holes and extents; usable as long as this is open. */
    public FileContent content() {
        return new FileContent(this);
    }

    @Override
    public void close() {
        if (descriptor >= 0) {
            // The descriptor is gone whatever close returns; writers that need to know call sync before.
            Libc.close(descriptor);
            descriptor = -1;
        }
    }

    /** The number itself; valid until {@link #close()}. */
    int descriptor() {
        if (descriptor < 0) {
            throw new IllegalStateException("already closed: " + path);
        }
        return descriptor;
    }

    private void check(String call, IntSupplier attempt) throws OsException {
        check(call, path, attempt);
    }

    private static int check(String call, Path path, IntSupplier attempt) throws OsException {
        return (int) SystemCall.check(call, path, attempt::getAsInt);
    }
}
