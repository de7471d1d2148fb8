package virtshrink.os;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.OptionalInt;

/** What a descriptor is connected to; 0, 1 and 2 are standard input, output and error. Thread-safe. */
public final class Terminal {
    private static final long TIOCGWINSZ = 0x5413;

    private Terminal() {}

    public static boolean isTerminal(int descriptor) {
        return Libc.isatty(descriptor) == 1;
    }

    /** Width in characters; empty if it is no terminal or does not say. */
    public static OptionalInt columns(int descriptor) {
        byte[] winsize = new byte[8];
        if (Libc.ioctl(descriptor, TIOCGWINSZ, winsize) != 0) {
            return OptionalInt.empty();
        }
        int columns = ByteBuffer.wrap(winsize).order(ByteOrder.nativeOrder()).getShort(2) & 0xffff; // ws_col
        return columns == 0 ? OptionalInt.empty() : OptionalInt.of(columns);
    }
}
