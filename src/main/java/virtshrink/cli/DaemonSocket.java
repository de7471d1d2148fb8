package virtshrink.cli;

import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.control.ControlClient;
import virtshrink.control.Request;
import virtshrink.image.RunDirectory;

/** Where a daemon may listen, and which does. */
final class DaemonSocket {
    private static final Logger LOG = LoggerFactory.getLogger(DaemonSocket.class);
    private static final Path SYSTEM = Path.of("/run/virt-shrink");

    private final List<Path> directories;

    DaemonSocket(List<Path> directories) {
        this.directories = directories;
    }

    /** The user's own run directory, then that of the host, unless the environment names one. */
    static List<Path> places() {
        Path own = RunDirectory.standardPath();
        return System.getenv("VIRT_SHRINK_RUN_DIRECTORY") != null
                ? List.of(own)
                : Stream.of(own, SYSTEM).distinct().toList();
    }

    /**
     * Asks the first daemon that listens; empty if none does.
     *
     * @throws IOException if there is a socket that this user may not use
     */
    Optional<ControlClient> ask(Request request) throws IOException {
        for (Path directory : directories) {
            Path socket = directory.resolve(ControlClient.SOCKET_NAME);
            if (Files.exists(socket)) {
                try {
                    return Optional.of(ControlClient.ask(socket, request));
                } catch (ConnectException nobody) {
                    LOG.debug("a dead daemon has left {}", socket, nobody);
                } catch (SocketException problem) {
                    throw new IOException(socket + ": " + problem.getMessage(), problem);
                }
            }
        }
        return Optional.empty();
    }
}
