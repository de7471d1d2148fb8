package virtshrink.metrics;

import java.io.IOException;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryReader;

/**
 * The figures of a daemon, shown where its configuration wants them; nothing is counted while nobody wants any. Whatever goes wrong with them is
 * logged and harms nothing else. Thread-safe.
 */
public final class Metrics implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Metrics.class);

    private final Path history;
    private final Supplier<Map<String, Optional<Instant>>> schedules;
    private Optional<Figures> figures = Optional.empty();
    private Optional<Server> server = Optional.empty();
    private Optional<TextFile> textFile = Optional.empty();
    private boolean textFileFails;

    private record Server(SocketAddress wanted, MetricsServer running) {}

    /**
     * Nobody wants them yet.
     *
     * @param history directory of the history, which tells how things stand
     * @param schedules which there are, and when each is next due; asked from any thread
     */
    public Metrics(Path history, Supplier<Map<String, Optional<Instant>>> schedules) {
        this.history = history;
        this.schedules = schedules;
    }

    /**
     * Shows them here and no longer elsewhere.
     *
     * @param listen address of a loopback port or of a Unix socket
     * @param file for the textfile collector of node_exporter
     */
    public synchronized void show(Optional<SocketAddress> listen, Optional<Path> file) {
        figures = listen.isPresent() || file.isPresent() ? figures.or(this::begin) : Optional.empty();
        if (!listen.equals(server.map(Server::wanted))) {
            stopServer();
            listen.ifPresent(this::startServer);
        }
        textFile = file.map(TextFile::new);
        textFileFails = false;
        writeTextFile();
    }

    private Optional<Figures> begin() {
        String version = Metrics.class.getPackage().getImplementationVersion();
        Figures fresh = new Figures(new Standing(version == null ? "" : version, schedules));
        try {
            HistoryReader.read(history, fresh::recall);
        } catch (IOException e) {
            LOG.warn("the figures begin without the past, because the history cannot be read: {}", e.toString());
        }
        return Optional.of(fresh);
    }

    private void startServer(SocketAddress address) {
        Figures shown = figures.orElseThrow();
        try {
            server = Optional.of(new Server(address, MetricsServer.start(address, new Answers(shown::text))));
            LOG.info("the figures are shown at {}", address);
        } catch (IOException | UnsupportedOperationException e) {
            LOG.error("the figures cannot be shown at {}: {}", address, e.getMessage());
        }
    }

    private void stopServer() {
        Optional<Server> old = server;
        server = Optional.empty();
        if (old.isPresent()) {
            try {
                old.get().running().close();
            } catch (IOException e) {
                LOG.warn("{} was not closed: {}", old.get().wanted(), e.toString());
            }
        }
    }

    /** An entry of the history was written just now. */
    public synchronized void count(HistoryEntry entry) {
        figures.ifPresent(counting -> counting.count(entry));
        writeTextFile();
    }

    private void writeTextFile() {
        if (textFile.isEmpty() || figures.isEmpty()) {
            return;
        }
        try {
            textFile.get().write(figures.get().text());
            textFileFails = false;
        } catch (IOException e) {
            if (!textFileFails) {
                LOG.error("the figures cannot be written to {}: {}", textFile.get(), e.toString());
            }
            textFileFails = true;
        }
    }

    /** The file stays: what has happened stays true. */
    @Override
    public synchronized void close() {
        stopServer();
    }
}
