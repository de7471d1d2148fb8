package virtshrink.metrics;

import java.io.IOException;
import java.net.BindException;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Shows the figures on a loopback port or a Unix socket. The library's own server knows no Unix sockets, and nor does that of the JDK; this one
 * has one thread, few connections at a time and a time limit for each, so that nobody who may connect can cost more than that.
 */
final class MetricsServer implements AutoCloseable {
    static final Duration TIME_LIMIT = Duration.ofSeconds(5);
    static final int MOST_CONNECTIONS = 16;

    private static final Logger LOG = LoggerFactory.getLogger(MetricsServer.class);
    private static final long TICK_MILLIS = 250;

    private final ServerSocketChannel listener;
    private final Selector selector;
    private final SelectionKey listening;
    private final Answers answers;
    private final Thread thread;
    private volatile boolean closed;

    private MetricsServer(ServerSocketChannel listener, Answers answers) throws IOException {
        this.listener = listener;
        this.answers = answers;
        this.selector = Selector.open();
        listener.configureBlocking(false);
        this.listening = listener.register(selector, SelectionKey.OP_ACCEPT);
        this.thread = new Thread(this::serve, "metrics");
        thread.setDaemon(true);
    }

    /**
     * Begins to answer.
     *
     * @param address of a loopback port, or of a Unix socket, which whoever may enter its directory may use
     * @throws IOException if somebody else listens there, or nobody may
     */
    static MetricsServer start(SocketAddress address, Answers answers) throws IOException {
        ServerSocketChannel listener = address instanceof UnixDomainSocketAddress unix
                ? listenAt(unix)
                : ServerSocketChannel.open().bind(address, MOST_CONNECTIONS);
        try {
            MetricsServer server = new MetricsServer(listener, answers);
            server.thread.start();
            return server;
        } catch (IOException problem) {
            listener.close();
            throw problem;
        }
    }

    private static ServerSocketChannel listenAt(UnixDomainSocketAddress address) throws IOException {
        removeIfNobodyListens(address);
        ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            listener.bind(address, MOST_CONNECTIONS);
            Files.setPosixFilePermissions(address.getPath(), PosixFilePermissions.fromString("rw-rw-rw-"));
            return listener;
        } catch (IOException problem) {
            listener.close();
            throw problem;
        }
    }

    /** A socket stays behind when its process is killed. */
    private static void removeIfNobodyListens(UnixDomainSocketAddress address) throws IOException {
        Path socket = address.getPath();
        if (!Files.exists(socket, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        if (!Files.readAttributes(socket, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                .isOther()) {
            throw new BindException("it exists and is no socket");
        }
        try (SocketChannel other = SocketChannel.open(address)) {
            throw new BindException("another process listens there, as " + other.getRemoteAddress() + " shows");
        } catch (BindException inUse) {
            throw inUse;
        } catch (IOException nobody) {
            Files.delete(socket);
        }
    }

    /** Where it listens. */
    SocketAddress address() throws IOException {
        return listener.getLocalAddress();
    }

    private void serve() {
        boolean mayAccept = true;
        try {
            while (!closed) {
                long connections = selector.keys().size() - 1L;
                listening.interestOps(mayAccept && connections < MOST_CONNECTIONS ? SelectionKey.OP_ACCEPT : 0);
                selector.select(connections > 0 || !mayAccept ? TICK_MILLIS : 0);
                mayAccept = true;
                for (SelectionKey key : List.copyOf(selector.selectedKeys())) {
                    if (key.equals(listening)) {
                        mayAccept = accept();
                    } else {
                        advance(key);
                    }
                }
                selector.selectedKeys().clear();
                closeOverdue();
            }
        } catch (IOException problem) {
            LOG.error("the figures are no longer shown: {}", problem.toString());
        }
    }

    /** Returns false where trying again at once would fail again, as without free descriptors. */
    private boolean accept() {
        try {
            SocketChannel channel = listener.accept();
            if (channel != null) {
                channel.configureBlocking(false);
                long deadline = System.nanoTime() + TIME_LIMIT.toNanos();
                channel.register(selector, SelectionKey.OP_READ, new Exchange(channel, answers, deadline));
            }
            return true;
        } catch (IOException problem) {
            LOG.debug("a connection for the figures was not accepted", problem);
            return false;
        }
    }

    private static void advance(SelectionKey key) {
        Exchange exchange = (Exchange) key.attachment();
        try {
            int next = exchange.advance();
            if (next == 0) {
                exchange.close();
            } else {
                key.interestOps(next);
            }
        } catch (IOException problem) {
            LOG.debug("a connection for the figures broke", problem);
            close(exchange);
        }
    }

    private void closeOverdue() {
        long now = System.nanoTime();
        for (SelectionKey key : List.copyOf(selector.keys())) {
            if (key.attachment() instanceof Exchange exchange && exchange.isOverdue(now)) {
                close(exchange);
            }
        }
    }

    private static void close(Exchange exchange) {
        try {
            exchange.close();
        } catch (IOException problem) {
            LOG.debug("a connection for the figures could not be closed", problem);
        }
    }

    @Override
    public void close() throws IOException {
        SocketAddress address = address();
        closed = true;
        selector.wakeup();
        try {
            thread.join(TICK_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        for (SelectionKey key : List.copyOf(selector.keys())) {
            key.channel().close();
        }
        selector.close();
        if (address instanceof UnixDomainSocketAddress unix) {
            Files.deleteIfExists(unix.getPath());
        }
    }
}
