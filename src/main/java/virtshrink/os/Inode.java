package virtshrink.os;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.IntSupplier;

/** What a filesystem keeps of an open file beside its content. Every failure is an {@link OsException}. Not thread-safe. */
public final class Inode {
    private static final long UTIME_OMIT = (1L << 30) - 2;

    private final OpenFile file;

    Inode(OpenFile file) {
        this.file = file;
    }

    /**
     * Names of all extended attributes visible to this user, ACLs and security labels included; none where the filesystem has none. Every
     * character stands for one byte.
     */
    public List<String> xattrNames() throws OsException {
        return ExtendedAttributes.names(file);
    }

    /** Value of an extended attribute; empty if the file has none of that name. */
    public Optional<byte[]> xattr(String name) throws OsException {
        return ExtendedAttributes.value(file, name);
    }

    /** Sets an extended attribute, new or not. */
    public void setXattr(String name, byte[] value) throws OsException {
        byte[] key = PathBytes.name(name);
        check("fsetxattr", () -> Libc.fsetxattr(file.descriptor(), key, value, value.length, 0));
    }

    /** Removes an extended attribute; {@code ENODATA} if there is none of that name. */
    public void removeXattr(String name) throws OsException {
        byte[] key = PathBytes.name(name);
        check("fremovexattr", () -> Libc.fremovexattr(file.descriptor(), key));
    }

    /** The {@link InodeFlags}; empty where the filesystem has none. */
    public OptionalInt flags() throws OsException {
        return Ioctls.inodeFlags(file);
    }

    /** Sets all {@link InodeFlags} at once. */
    public void setFlags(int flags) throws OsException {
        Ioctls.setInodeFlags(file, flags);
    }

    /** Project and XFS flags; empty where the filesystem has none. */
    public Optional<ExtendedFileAttributes> extendedAttributes() throws OsException {
        return Ioctls.extendedAttributes(file);
    }

    /** Sets what {@link #extendedAttributes()} gives. */
    public void setExtendedAttributes(ExtendedFileAttributes attributes) throws OsException {
        Ioctls.setExtendedAttributes(file, attributes);
    }

    /** Takes unsigned ids as {@link FileStatus} gives them. Clears set-id bits: {@link #chmod} comes after this. */
    public void chown(int uid, int gid) throws OsException {
        check("fchown", () -> Libc.fchown(file.descriptor(), uid, gid));
    }

    /** Sets the permissions: the lower twelve bits of the mode. */
    public void chmod(int mode) throws OsException {
        check("fchmod", () -> Libc.fchmod(file.descriptor(), mode & 07777));
    }

    /** Sets the time of last modification and leaves that of last access. */
    public void setModificationTime(long seconds, int nanos) throws OsException {
        byte[] times = new byte[32];
        SystemCall.struct(times).putLong(8, UTIME_OMIT).putLong(16, seconds).putLong(24, nanos);
        check("futimens", () -> Libc.futimens(file.descriptor(), times));
    }

    private void check(String call, IntSupplier attempt) throws OsException {
        SystemCall.check(call, file.path(), attempt::getAsInt);
    }
}
