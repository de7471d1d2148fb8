package virtshrink.os;

import com.sun.jna.Native;
import java.nio.ByteBuffer;

/**
 * The C library's functions as they are, glibc 2.28 or later on 64-bit Linux. Loaded with the first call, so that a command which needs none
 * of them does not pay for it. Failures are in {@link Native#getLastError()}, which is per thread. Thread-safe.
 *
 * <p>Some of these are variadic in C; on every 64-bit Linux convention integers and pointers travel as for any other function.
 */
final class Libc {
    static {
        if (Native.LONG_SIZE != Long.BYTES || Native.SIZE_T_SIZE != Long.BYTES) {
            throw new UnsupportedOperationException("virt-shrink needs a 64-bit Linux");
        }
        Native.register(Libc.class, "c");
    }

    private Libc() {}

    static native int malloc_trim(long pad);

    static native int open(byte[] path, int flags, int mode);

    static native int close(int descriptor);

    static native int fsync(int descriptor);

    static native int fdatasync(int descriptor);

    static native int syncfs(int descriptor);

    static native int fcntl(int descriptor, int command, long argument);

    static native int fcntl(int descriptor, int command, byte[] argument);

    static native int ioctl(int descriptor, long request, byte[] argument);

    static native int flock(int descriptor, int operation);

    static native int fchown(int descriptor, int uid, int gid);

    static native int fchmod(int descriptor, int mode);

    static native int futimens(int descriptor, byte[] times);

    static native int ftruncate(int descriptor, long length);

    static native int fallocate(int descriptor, int mode, long offset, long length);

    static native int posix_fadvise(int descriptor, long offset, long length, int advice);

    static native long lseek(int descriptor, long offset, int whence);

    static native long pread(int descriptor, byte[] buffer, long count, long offset);

    static native long pwrite(int descriptor, byte[] buffer, long count, long offset);

    static native long pwrite(int descriptor, ByteBuffer buffer, long count, long offset);

    static native long flistxattr(int descriptor, byte[] list, long size);

    static native long fgetxattr(int descriptor, byte[] name, byte[] value, long size);

    static native long llistxattr(byte[] path, byte[] list, long size);

    static native long lgetxattr(byte[] path, byte[] name, byte[] value, long size);

    static native int fsetxattr(int descriptor, byte[] name, byte[] value, long size, int flags);

    static native int fremovexattr(int descriptor, byte[] name);

    static native int statx(int directory, byte[] path, int flags, int mask, byte[] result);

    static native int statfs(byte[] path, byte[] result);

    static native int statvfs(byte[] path, byte[] result);

    static native int renameat2(int oldDirectory, byte[] oldPath, int newDirectory, byte[] newPath, int flags);

    static native int unlink(byte[] path);

    static native int isatty(int descriptor);

    static native int geteuid();

    static native int getgrouplist(byte[] user, int group, int[] groups, int[] count);

    static native int setpriority(int which, int who, int priority);

    static native int kill(int pid, int signal);

    static native int poll(byte[] descriptors, long count, int timeoutMillis);

    static native int socket(int domain, int type, int protocol);

    static native long sendto(int socket, byte[] message, long length, int flags, byte[] address, int addressLength);

    static native long syscall(long number, long first, long second, long third, long fourth);
}
