package virtshrink.os;

import com.sun.jna.Native;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Tells systemd how a service of {@code Type=notify} is doing; the protocol is that of {@code sd_notify(3)}. Thread-safe. */
public final class SystemdNotifier {
    private static final int AF_UNIX = 1;
    private static final int SOCK_DGRAM = 2;
    private static final int SOCK_CLOEXEC = 02000000;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int SUN_PATH_BYTES = 108;

    private SystemdNotifier() {}

    /**
     * Sends to the socket in the environment variable {@code NOTIFY_SOCKET}; does nothing if that is not set.
     *
     * @param state lines such as {@code READY=1} and {@code STATUS=…}
     */
    public static void send(String state) throws OsException {
        String address = System.getenv("NOTIFY_SOCKET");
        if (address != null && !address.isEmpty()) {
            send(address, state);
        }
    }

    static void send(String address, String state) throws OsException {
        byte[] name = address.getBytes(StandardCharsets.UTF_8);
        boolean inAbstractNamespace = address.startsWith("@");
        if (!(inAbstractNamespace || address.startsWith("/")) || name.length >= SUN_PATH_BYTES) {
            throw new OsException("sendto", "NOTIFY_SOCKET=" + address, Errno.EINVAL.number());
        }
        if (inAbstractNamespace) {
            name[0] = 0;
        }
        ByteBuffer sockaddr = ByteBuffer.allocate(2 + SUN_PATH_BYTES).order(ByteOrder.nativeOrder());
        sockaddr.putShort((short) AF_UNIX).put(name);
        int socket = Libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (socket < 0) {
            throw new OsException("socket", address, Native.getLastError());
        }
        try {
            byte[] message = state.getBytes(StandardCharsets.UTF_8);
            byte[] to = Arrays.copyOf(sockaddr.array(), sockaddr.position());
            if (Libc.sendto(socket, message, message.length, MSG_NOSIGNAL, to, to.length) < 0) {
                throw new OsException("sendto", address, Native.getLastError());
            }
        } finally {
            Libc.close(socket);
        }
    }
}
