package virtshrink.config;

import java.net.SocketAddress;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Where figures are shown.
 *
 * @param listen a port of a loopback address, or an absolute path of a Unix socket
 * @param textFile absolute; for the textfile collector of node_exporter
 */
public record MetricsSettings(Optional<SocketAddress> listen, Optional<Path> textFile) {
    /** Nowhere. */
    public static final MetricsSettings NONE = new MetricsSettings(Optional.empty(), Optional.empty());
}
