package virtshrink.config;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import virtshrink.config.Section.BadValueException;

/** Reads {@code [metrics]}. An empty text means what a missing key means. */
final class MetricsReader {
    private static final String UNIX = "unix:";

    /** unix(7): {@code sun_path} has 108 bytes, the last one 0. */
    private static final int MOST_SOCKET_PATH_BYTES = 107;

    /** Numbers only: a name might mean another address tomorrow. */
    private static final Pattern LOOPBACK = Pattern.compile("(127(?:\\.\\d{1,3}){3}|\\[::1]):(\\d{1,5})");

    private final Section section;

    MetricsReader(Section section) {
        this.section = section;
    }

    MetricsSettings read() {
        MetricsSettings settings = new MetricsSettings(
                section.text("listen", MetricsReader::listen).flatMap(address -> address),
                section.text("textfile", MetricsReader::textFile).flatMap(path -> path));
        section.refuseUnknownKeys();
        return settings;
    }

    private static Optional<SocketAddress> listen(String text) throws BadValueException {
        if (text.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(text.startsWith(UNIX) ? unixSocket(text.substring(UNIX.length())) : loopback(text));
    }

    private static SocketAddress unixSocket(String text) throws BadValueException {
        Path path = ConfigurationFile.absolute(text);
        if (path.toString().getBytes(StandardCharsets.UTF_8).length > MOST_SOCKET_PATH_BYTES) {
            throw new BadValueException("the path of a Unix socket has at most " + MOST_SOCKET_PATH_BYTES + " bytes");
        }
        return UnixDomainSocketAddress.of(path);
    }

    private static SocketAddress loopback(String text) throws BadValueException {
        Matcher address = LOOPBACK.matcher(text);
        if (!address.matches()) {
            throw new BadValueException(
                    "it must be a loopback address with a port, such as 127.0.0.1:9837 or [::1]:9837,"
                            + " or a socket such as unix:/run/virt-shrink/metrics; nothing is shown to other hosts");
        }
        int port = Integer.parseInt(address.group(2));
        if (port < 1 || port > 65_535) {
            throw new BadValueException("there is no port " + port);
        }
        try {
            // Of numbers, which nobody is asked about.
            return new InetSocketAddress(InetAddress.getByName(address.group(1)), port);
        } catch (UnknownHostException noAddress) {
            throw new BadValueException("there is no such address");
        }
    }

    private static Optional<Path> textFile(String text) throws BadValueException {
        if (text.isEmpty()) {
            return Optional.empty();
        }
        Path path = ConfigurationFile.absolute(text);
        if (!text.endsWith(".prom") || path.getFileName().toString().equals(".prom")) {
            throw new BadValueException("node_exporter reads only files whose names end in .prom");
        }
        return Optional.of(path);
    }
}
