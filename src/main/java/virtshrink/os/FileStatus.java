package virtshrink.os;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/**
 * What {@code statx(2)} says of a file.
 *
 * @param device encoded as {@code st_dev}
 * @param inode unsigned
 * @param sizeBytes the file's length
 * @param allocatedBytes what its filesystem has allocated for it: blocks of 512 bytes times 512
 * @param uid unsigned: the bits as {@link OpenFile#chown} takes them
 * @param gid unsigned
 * @param mode type and permissions as {@code st_mode}
 * @param links hard links
 */
public record FileStatus(
        long device,
        long inode,
        long sizeBytes,
        long allocatedBytes,
        int uid,
        int gid,
        int mode,
        int links,
        long mtimeSeconds,
        int mtimeNanos,
        long ctimeSeconds,
        int ctimeNanos) {
    private static final int AT_FDCWD = -100;
    private static final int AT_SYMLINK_NOFOLLOW = 0x100;
    private static final int AT_EMPTY_PATH = 0x1000;
    private static final int STATX_BASIC_STATS = 0x7ff;
    private static final int STATX_BYTES = 256;

    private static final int S_IFMT = 0170000;
    private static final int S_IFDIR = 0040000;
    private static final int S_IFBLK = 0060000;
    private static final int S_IFREG = 0100000;
    private static final int S_IFLNK = 0120000;

    /** The file at the end of all symbolic links. */
    public static FileStatus of(Path path) throws OsException {
        return statx(AT_FDCWD, PathBytes.of(path), 0, path);
    }

    /** The file itself, even if it is a symbolic link. */
    public static FileStatus ofLink(Path path) throws OsException {
        return statx(AT_FDCWD, PathBytes.of(path), AT_SYMLINK_NOFOLLOW, path);
    }

    static FileStatus ofDescriptor(int descriptor, Path path) throws OsException {
        return statx(descriptor, new byte[1], AT_EMPTY_PATH, path);
    }

    private static FileStatus statx(int directory, byte[] name, int flags, Path path) throws OsException {
        byte[] result = new byte[STATX_BYTES];
        if (Libc.statx(directory, name, flags, STATX_BASIC_STATS, result) != 0) {
            throw OsException.last("statx", path);
        }
        return parse(ByteBuffer.wrap(result).order(ByteOrder.nativeOrder()));
    }

    /** {@code struct statx}, the same on every architecture. */
    private static FileStatus parse(ByteBuffer statx) {
        int links = statx.getInt(16); // stx_nlink
        int uid = statx.getInt(20); // stx_uid
        int gid = statx.getInt(24); // stx_gid
        int mode = statx.getShort(28) & 0xffff; // stx_mode
        long inode = statx.getLong(32); // stx_ino
        long size = statx.getLong(40); // stx_size
        long blocks = statx.getLong(48); // stx_blocks
        long ctimeSeconds = statx.getLong(96); // stx_ctime.tv_sec
        int ctimeNanos = statx.getInt(104); // stx_ctime.tv_nsec
        long mtimeSeconds = statx.getLong(112); // stx_mtime.tv_sec
        int mtimeNanos = statx.getInt(120); // stx_mtime.tv_nsec
        long major = Integer.toUnsignedLong(statx.getInt(136)); // stx_dev_major
        long minor = Integer.toUnsignedLong(statx.getInt(140)); // stx_dev_minor
        return new FileStatus(
                device(major, minor),
                inode,
                size,
                blocks * 512,
                uid,
                gid,
                mode,
                links,
                mtimeSeconds,
                mtimeNanos,
                ctimeSeconds,
                ctimeNanos);
    }

    /** As glibc's {@code makedev}, so that the number can be compared with what other tools print. */
    private static long device(long major, long minor) {
        return (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~0xffL) << 12 | (major & ~0xfffL) << 32;
    }

    public FileIdentity identity() {
        return new FileIdentity(device, inode);
    }

    /** The lower twelve bits of the mode. */
    public int permissions() {
        return mode & 07777;
    }

    public boolean regularFile() {
        return (mode & S_IFMT) == S_IFREG;
    }

    public boolean symlink() {
        return (mode & S_IFMT) == S_IFLNK;
    }

    public boolean directory() {
        return (mode & S_IFMT) == S_IFDIR;
    }

    public boolean blockDevice() {
        return (mode & S_IFMT) == S_IFBLK;
    }

    /** Whether length, times of last content and last status change, and the file itself are the same as then. */
    public boolean unchangedSince(FileStatus earlier) {
        return identity().equals(earlier.identity())
                && sizeBytes == earlier.sizeBytes
                && mtimeSeconds == earlier.mtimeSeconds
                && mtimeNanos == earlier.mtimeNanos
                && ctimeSeconds == earlier.ctimeSeconds
                && ctimeNanos == earlier.ctimeNanos;
    }
}
