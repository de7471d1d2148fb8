package virtshrink.os;

import com.sun.jna.Native;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Open file description locks, {@code fcntl(2)}: unlike POSIX locks they belong to the descriptor and not to the process. */
final class ByteLocks {
    static final short F_RDLCK = 0;
    static final short F_WRLCK = 1;
    static final short F_UNLCK = 2;

    private static final int F_OFD_GETLK = 36;
    private static final int F_OFD_SETLK = 37;
    private static final int FLOCK_BYTES = 32;

    private ByteLocks() {}

    static boolean trySet(OpenFile file, short type, long offset, long length) throws OsException {
        if (Libc.fcntl(file.descriptor(), F_OFD_SETLK, flock(type, offset, length)) == 0) {
            return true;
        }
        OsException failure = OsException.last("F_OFD_SETLK", file.path());
        if (failure.is(Errno.EAGAIN) || failure.is(Errno.EACCES)) {
            return false;
        }
        throw failure;
    }

    static boolean isHeldByOthers(OpenFile file, long offset, long length) throws OsException {
        byte[] flock = flock(F_WRLCK, offset, length);
        if (Libc.fcntl(file.descriptor(), F_OFD_GETLK, flock) != 0) {
            throw new OsException("F_OFD_GETLK", file.path(), Native.getLastError());
        }
        return ByteBuffer.wrap(flock).order(ByteOrder.nativeOrder()).getShort(0) != F_UNLCK;
    }

    /** {@code struct flock} of 64-bit Linux; {@code l_whence} is {@code SEEK_SET} and {@code l_pid} must be 0. */
    private static byte[] flock(short type, long offset, long length) {
        byte[] bytes = new byte[FLOCK_BYTES];
        ByteBuffer.wrap(bytes)
                .order(ByteOrder.nativeOrder())
                .putShort(0, type) // l_type
                .putLong(8, offset) // l_start
                .putLong(16, length); // l_len
        return bytes;
    }
}
