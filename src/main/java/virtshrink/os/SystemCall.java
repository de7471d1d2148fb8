package virtshrink.os;

import com.sun.jna.Native;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.LongSupplier;

/** How every call is made: repeated when a signal interrupted it, and its failure an exception. */
final class SystemCall {
    private SystemCall() {}

    /**
     * Makes a call.
     *
     * @param subject what it is applied to, for the message
     * @param attempt negative when it failed
     */
    static long check(String call, Object subject, LongSupplier attempt) throws OsException {
        while (true) {
            long result = attempt.getAsLong();
            if (result >= 0) {
                return result;
            }
            int number = Native.getLastError();
            if (number != Errno.EINTR.number()) {
                throw new OsException(call, subject, number);
            }
        }
    }

    /** The fields of a C structure. */
    static ByteBuffer struct(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
    }
}
