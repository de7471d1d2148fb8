package virtshrink.os;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SystemdNotifierTest {
    private static final String LISTENER = """
            import socket, sys
            name = sys.argv[1]
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            listener.bind('\\0' + name[1:] if name[0] == '@' else name)
            print('listening')
            print(repr(listener.recv(1000).decode()))
            """;

    @TempDir
    Path directory;

    @Test
    void stateArrivesAtAPathAndInTheAbstractNamespace() throws Exception {
        for (String address :
                new String[] {directory.resolve("notify").toString(), "@virt-shrink-" + UUID.randomUUID()}) {
            try (PythonChild listener = new PythonChild(LISTENER, address)) {
                assertEquals("listening", listener.hear());
                SystemdNotifier.send(address, "READY=1\nSTATUS=größer");
                assertEquals("'READY=1\\nSTATUS=größer'", listener.hear());
            }
        }
    }

    @Test
    void nobodyListeningIsAnErrorThatNamesTheSocket() {
        String address = directory.resolve("absent").toString();
        OsException failure = assertThrows(OsException.class, () -> SystemdNotifier.send(address, "READY=1"));
        assertTrue(failure.is(Errno.ENOENT), failure.getMessage());
        assertTrue(failure.getMessage().contains(address));
    }

    @Test
    void addressOfAnotherKindIsRefused() {
        for (String address : new String[] {"relative", "vsock:2:1", "/" + "x".repeat(108)}) {
            assertTrue(assertThrows(OsException.class, () -> SystemdNotifier.send(address, "READY=1"))
                    .is(Errno.EINVAL));
        }
    }

    @Test
    void outsideSystemdNothingHappens() {
        Assumptions.assumeTrue(System.getenv("NOTIFY_SOCKET") == null, "runs as a notifying service");
        assertDoesNotThrow(() -> SystemdNotifier.send("READY=1"));
    }
}
