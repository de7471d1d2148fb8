package virtshrink.os;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** Facts about the host and this process's place in it. Thread-safe. */
public final class Hosts {
    private static final int STATVFS_BYTES = 256; // 112 with glibc today

    private Hosts() {}

    /** The user whose rights count; unsigned. */
    public static int effectiveUid() {
        return Libc.geteuid();
    }

    /** Another one after each start of the host: a process number and start time mean the same process only together with it. */
    public static String bootId() throws IOException {
        return Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
    }

    /**
     * How full a filesystem is.
     *
     * @param totalBytes its size, less what its own structures take, as far as the filesystem says so
     * @param freeBytes what nobody uses, reserved or not
     */
    public record FilesystemSpace(long totalBytes, long freeBytes) {}

    /** Of the filesystem that holds the path: {@code f_blocks} and {@code f_bfree}. */
    public static FilesystemSpace space(Path path) throws OsException {
        byte[] result = new byte[STATVFS_BYTES];
        if (Libc.statvfs(PathBytes.of(path), result) != 0) {
            throw OsException.last("statvfs", path);
        }
        ByteBuffer statvfs = ByteBuffer.wrap(result).order(ByteOrder.nativeOrder());
        long fragmentBytes = statvfs.getLong(8); // f_frsize
        return new FilesystemSpace(
                Math.multiplyExact(statvfs.getLong(16), fragmentBytes), // f_blocks
                Math.multiplyExact(statvfs.getLong(24), fragmentBytes)); // f_bfree
    }

    /** What an ordinary user can still write to the filesystem that holds the path: {@code f_bavail * f_frsize}. */
    public static long availableBytes(Path path) throws OsException {
        byte[] result = new byte[STATVFS_BYTES];
        if (Libc.statvfs(PathBytes.of(path), result) != 0) {
            throw OsException.last("statvfs", path);
        }
        ByteBuffer statvfs = ByteBuffer.wrap(result).order(ByteOrder.nativeOrder());
        long fragmentBytes = statvfs.getLong(8); // f_frsize
        long available = statvfs.getLong(32); // f_bavail
        // A few network filesystems report more blocks than there can be.
        long most = fragmentBytes <= 0 ? 0 : Long.MAX_VALUE / fragmentBytes;
        return available < 0 || available > most ? Long.MAX_VALUE : available * fragmentBytes;
    }
}
