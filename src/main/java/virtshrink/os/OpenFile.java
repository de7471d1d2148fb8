package virtshrink.os;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;

/**
 * An open file with what Java's channels lack: locks that belong to the open file description, leases, attributes, extents, clones. Never
 * inherited by child processes. Every failure is an {@link OsException}. Not thread-safe; {@link #close()} more than once is harmless.
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
    private static final int FALLOC_FL_KEEP_SIZE = 1;
    private static final int FALLOC_FL_PUNCH_HOLE = 2;
    private static final int POSIX_FADV_DONTNEED = 4;
    private static final int SEEK_DATA = 3;
    private static final int SEEK_HOLE = 4;
    private static final long UTIME_OMIT = (1L << 30) - 2;
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
            file.chmod(mode);
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

    /** Gives back the memory in which the host keeps this file's content, as far as that is on the disk already; a hint that cannot fail. */
    public void dropCache() {
        Libc.posix_fadvise(descriptor(), 0, 0, POSIX_FADV_DONTNEED);
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

    /**
     * Names of all extended attributes visible to this user, ACLs and security labels included; none where the filesystem has none. Every
     * character stands for one byte.
     */
    public List<String> xattrNames() throws OsException {
        return ExtendedAttributes.names(this);
    }

    /** Value of an extended attribute; empty if the file has none of that name. */
    public Optional<byte[]> xattr(String name) throws OsException {
        return ExtendedAttributes.value(this, name);
    }

    /** Sets an extended attribute, new or not. */
    public void setXattr(String name, byte[] value) throws OsException {
        byte[] key = PathBytes.name(name);
        check("fsetxattr", () -> Libc.fsetxattr(descriptor(), key, value, value.length, 0));
    }

    /** Removes an extended attribute; {@code ENODATA} if there is none of that name. */
    public void removeXattr(String name) throws OsException {
        byte[] key = PathBytes.name(name);
        check("fremovexattr", () -> Libc.fremovexattr(descriptor(), key));
    }

    /** The {@link InodeFlags}; empty where the filesystem has none. */
    public OptionalInt inodeFlags() throws OsException {
        return Ioctls.inodeFlags(this);
    }

    /** Sets all {@link InodeFlags} at once. */
    public void setInodeFlags(int flags) throws OsException {
        Ioctls.setInodeFlags(this, flags);
    }

    /** Project and XFS flags; empty where the filesystem has none. */
    public Optional<ExtendedFileAttributes> extendedAttributes() throws OsException {
        return Ioctls.extendedAttributes(this);
    }

    /** Sets what {@link #extendedAttributes()} gives. */
    public void setExtendedAttributes(ExtendedFileAttributes attributes) throws OsException {
        Ioctls.setExtendedAttributes(this, attributes);
    }

    /** Takes unsigned ids as {@link FileStatus} gives them. Clears set-id bits: {@link #chmod} comes after this. */
    public void chown(int uid, int gid) throws OsException {
        check("fchown", () -> Libc.fchown(descriptor(), uid, gid));
    }

    /** Sets the permissions: the lower twelve bits of the mode. */
    public void chmod(int mode) throws OsException {
        check("fchmod", () -> Libc.fchmod(descriptor(), mode & 07777));
    }

    /** Sets the time of last modification and leaves that of last access. */
    public void setModificationTime(long seconds, int nanos) throws OsException {
        byte[] times = new byte[32];
        SystemCall.struct(times).putLong(8, UTIME_OMIT).putLong(16, seconds).putLong(24, nanos);
        check("futimens", () -> Libc.futimens(descriptor(), times));
    }

    /** All extents of the file in ascending order, after its dirty pages were written. */
    public List<PhysicalExtent> extents() throws OsException {
        List<PhysicalExtent> extents = new ArrayList<>();
        long next = 0;
        while (true) {
            List<PhysicalExtent> batch = extentsFrom(next);
            extents.addAll(batch);
            if (batch.isEmpty() || batch.get(batch.size() - 1).last()) {
                return extents;
            }
            PhysicalExtent end = batch.get(batch.size() - 1);
            next = end.logicalBytes() + end.lengthBytes();
        }
    }

    /**
     * The next few hundred extents that lie or end beyond an offset; none if there are no more. For files with so many that they should not
     * be held at once.
     *
     * @param logicalBytes 0, or the end of the last extent known
     */
    public List<PhysicalExtent> extentsFrom(long logicalBytes) throws OsException {
        return Ioctls.extentsFrom(this, logicalBytes);
    }

    /**
     * Lets this file share blocks of another on the same filesystem ({@code FICLONERANGE}).
     *
     * @param length 0 means up to the source's end; else a multiple of the filesystem's block size unless it ends there
     */
    public void cloneRange(OpenFile source, long sourceOffset, long length, long offset) throws OsException {
        Ioctls.cloneRange(this, source, sourceOffset, length, offset);
    }

    /**
     * Reads up to the buffer's length, less only at the end of the file.
     *
     * @return number of bytes read, 0 at or beyond the end
     */
    public int read(byte[] buffer, long offset) throws OsException {
        int done = 0;
        while (done < buffer.length) {
            byte[] piece = done == 0 ? buffer : new byte[buffer.length - done];
            long at = offset + done;
            int count = (int) checkLong("pread", () -> Libc.pread(descriptor(), piece, piece.length, at));
            if (count == 0) {
                break;
            }
            if (done > 0) {
                System.arraycopy(piece, 0, buffer, done, count);
            }
            done += count;
        }
        return done;
    }

    /** Writes all bytes at an offset. */
    public void write(byte[] bytes, long offset) throws OsException {
        int done = 0;
        while (done < bytes.length) {
            byte[] piece = done == 0 ? bytes : Arrays.copyOfRange(bytes, done, bytes.length);
            long at = offset + done;
            done += (int) checkLong("pwrite", () -> Libc.pwrite(descriptor(), piece, piece.length, at));
        }
    }

    /**
     * Writes the first bytes of a direct buffer at an offset, whatever its position; as few of them as the kernel takes in one call.
     *
     * @return number of bytes written
     */
    public int writeSome(ByteBuffer direct, int count, long offset) throws OsException {
        if (!direct.isDirect() || count < 0 || count > direct.capacity()) {
            throw new IllegalArgumentException(count + " bytes of " + direct);
        }
        ByteBuffer whole = direct.duplicate().clear();
        return (int) checkLong("pwrite", () -> Libc.pwrite(descriptor(), whole, count, offset));
    }

    /** Makes the file shorter, or longer by a hole. */
    public void truncate(long lengthBytes) throws OsException {
        check("ftruncate", () -> Libc.ftruncate(descriptor(), lengthBytes));
    }

    /** Gives the blocks of a range back to the filesystem; it reads as zeros, the file's length stays. */
    public void punchHole(long offset, long length) throws OsException {
        check(
                "fallocate",
                () -> Libc.fallocate(descriptor(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length));
    }

    /** Offset of the first data at or after an offset; empty if only holes follow. */
    public OptionalLong seekData(long offset) throws OsException {
        return seek(offset, SEEK_DATA);
    }

    /** Offset of the first hole at or after an offset, at last the end of the file; empty beyond that. */
    public OptionalLong seekHole(long offset) throws OsException {
        return seek(offset, SEEK_HOLE);
    }

    private OptionalLong seek(long offset, int whence) throws OsException {
        try {
            return OptionalLong.of(checkLong("lseek", () -> Libc.lseek(descriptor(), offset, whence)));
        } catch (OsException e) {
            if (e.is(Errno.ENXIO)) {
                return OptionalLong.empty();
            }
            throw e;
        }
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

    private long checkLong(String call, LongSupplier attempt) throws OsException {
        return SystemCall.check(call, path, attempt);
    }
}
