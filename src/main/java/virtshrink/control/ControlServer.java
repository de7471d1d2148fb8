package virtshrink.control;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import jdk.net.ExtendedSocketOptions;
import jdk.net.UnixDomainPrincipal;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.control.Answer.Refused;
import virtshrink.control.Answer.Why;

/**
 * The daemon's end of the socket. One thread serves all clients and waits for none: whatever they send, or do not send, takes a bounded number
 * of file descriptors and bytes. Thread-safe.
 */
public final class ControlServer implements AutoCloseable {
    static final Logger LOG = LoggerFactory.getLogger(ControlServer.class);

    /** The longest request. */
    public static final int MOST_REQUEST_BYTES = 64 << 10;

    /** Of all clients at a time; each that waits for a run of its own is one. */
    public static final int MOST_CLIENTS = 64;

    /** Accepted before others are read again, so that a flood does not push out whoever has just sent his request. */
    private static final int MOST_ACCEPTED_AT_ONCE = 8;

    private static final int BACKLOG = 64;
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final long TICK_MILLIS = 500;
    private static final long FLUSH_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final Path path;
    private final Doorkeeper doorkeeper;
    private final Requests requests;
    private final Duration patience;
    private final ServerSocketChannel listener;
    private final Selector selector;
    private final SelectionKey accepting;
    private final List<Connection> connections = new ArrayList<>();
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(8 << 10);
    private final Thread thread;
    private volatile boolean closing;

    private ControlServer(
            Path path,
            Doorkeeper doorkeeper,
            Requests requests,
            Duration patience,
            ServerSocketChannel listener,
            Selector selector)
            throws IOException {
        this.path = path;
        this.doorkeeper = doorkeeper;
        this.requests = requests;
        this.patience = patience;
        this.listener = listener;
        this.selector = selector;
        this.accepting = listener.register(selector, SelectionKey.OP_ACCEPT);
        this.thread = new Thread(this::serve, "control");
        this.thread.setDaemon(true);
    }

    /** Gives a socket its owner, group and mode before anybody can reach it. */
    @FunctionalInterface
    public interface Preparation {
        /** The socket has this path for now. */
        void prepare(Path socket) throws IOException;
    }

    /**
     * Listens from now on; a socket that a dead daemon left is replaced.
     *
     * @param path at most about a hundred bytes long
     * @throws IOException if it cannot be made, or another daemon listens there
     */
    public static ControlServer start(Path path, Preparation preparation, Doorkeeper doorkeeper, Requests requests)
            throws IOException {
        return start(path, preparation, doorkeeper, requests, PATIENCE);
    }

    static ControlServer start(
            Path path, Preparation preparation, Doorkeeper doorkeeper, Requests requests, Duration patience)
            throws IOException {
        if (isAnswered(path)) {
            throw new IOException("another virt-shrinkd listens at " + path);
        }
        Path fresh = path.resolveSibling(path.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            listener.bind(UnixDomainSocketAddress.of(fresh), BACKLOG);
            preparation.prepare(fresh);
            Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE);
            listener.configureBlocking(false);
            ControlServer server = new ControlServer(path, doorkeeper, requests, patience, listener, Selector.open());
            server.thread.start();
            return server;
        } catch (IOException | RuntimeException problem) {
            listener.close();
            throw problem;
        }
    }

    private static boolean isAnswered(Path path) {
        try (SocketChannel probe = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
            return probe.isConnected();
        } catch (IOException nobody) {
            return false;
        }
    }

    private void serve() {
        while (!closing) {
            try {
                selector.select(TICK_MILLIS);
                turn();
            } catch (IOException | RuntimeException problem) {
                LOG.error("the control socket is in trouble", problem);
            }
        }
    }

    private void turn() throws IOException {
        boolean knocking = false;
        for (SelectionKey key : selector.selectedKeys()) {
            if (key.attachment() instanceof Connection connection) {
                if (key.isValid() && key.isReadable()) {
                    read(connection);
                }
            } else {
                knocking = true;
            }
        }
        selector.selectedKeys().clear();
        accepting.interestOps(SelectionKey.OP_ACCEPT);
        if (knocking) {
            acceptSome();
        }
        long now = System.nanoTime();
        for (Connection connection : List.copyOf(connections)) {
            goOn(connection, now);
        }
    }

    private void read(Connection connection) {
        try {
            Optional<byte[]> line = connection.receive(buffer);
            if (line.isPresent()) {
                requests.answer(RequestLine.parse(line.get()), connection);
            }
        } catch (MalformedMessageException malformed) {
            LOG.debug("a client of user {} is not understood: {}", connection.user(), malformed.getMessage());
            connection.refuse("the request is not understood: " + malformed.getMessage());
        } catch (IOException vanished) {
            drop(connection);
        } catch (RuntimeException bug) {
            LOG.error("internal error while a request was answered", bug);
            connection.close(new Refused(Why.FAILED, "internal error: " + bug));
        }
    }

    /** Sends what there is to send, and lets go of who is done. */
    private void goOn(Connection connection, long nowNanos) {
        try {
            connection.flush();
        } catch (IOException vanished) {
            drop(connection);
            return;
        }
        if (connection.isOver(nowNanos)) {
            drop(connection);
            return;
        }
        SelectionKey key = connection.channel().keyFor(selector);
        if (key != null && key.isValid()) {
            key.interestOps((connection.wantsToRead() ? SelectionKey.OP_READ : 0)
                    | (connection.wantsToWrite() ? SelectionKey.OP_WRITE : 0));
        }
    }

    private void drop(Connection connection) {
        connections.remove(connection);
        connection.drop();
    }

    private void acceptSome() {
        try {
            for (int i = 0; i < MOST_ACCEPTED_AT_ONCE; i++) {
                SocketChannel channel = listener.accept();
                if (channel == null) {
                    return;
                }
                admit(channel);
            }
        } catch (IOException problem) {
            // Out of descriptors, say: the connection stays ready, and asking again at once would do nothing else.
            LOG.warn("a client cannot be let in: {}", problem.toString());
            accepting.interestOps(0);
        }
    }

    private void admit(SocketChannel channel) {
        try {
            channel.configureBlocking(false);
            UnixDomainPrincipal peer = channel.getOption(ExtendedSocketOptions.SO_PEERCRED);
            String user = peer.user().getName();
            if (!doorkeeper.lets(peer)) {
                LOG.info("user {} may not use the control socket", user);
                turnAway(channel, Why.NOT_PERMITTED, "user " + user + " may not ask virt-shrinkd");
            } else if (connections.size() < MOST_CLIENTS || makeRoom()) {
                Connection connection = new Connection(channel, user, patience, selector::wakeup);
                channel.register(selector, SelectionKey.OP_READ, connection);
                connections.add(connection);
            } else {
                turnAway(channel, Why.BUSY, "too many clients wait for virt-shrinkd");
            }
        } catch (IOException | RuntimeException problem) {
            LOG.debug("a client was not let in", problem);
            close(channel);
        }
    }

    /** Whoever has been silent longest goes first. */
    private boolean makeRoom() {
        Optional<Connection> silent = connections.stream()
                .filter(connection -> !connection.hasAsked())
                .findFirst();
        silent.ifPresent(this::drop);
        return silent.isPresent();
    }

    private static void turnAway(SocketChannel channel, Why why, String reason) throws IOException {
        // A new socket has room for a line.
        channel.write(ByteBuffer.wrap(AnswerLine.of(new Refused(why, reason))));
        channel.close();
    }

    private static void close(SocketChannel channel) {
        try {
            channel.close();
        } catch (IOException e) {
            LOG.debug("a client's connection did not close well", e);
        }
    }

    /** Listens no more. What has been said reaches the clients if they take it within a second. */
    @Override
    public void close() throws IOException {
        closing = true;
        selector.wakeup();
        try {
            thread.join(TimeUnit.NANOSECONDS.toMillis(FLUSH_NANOS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        Files.deleteIfExists(path);
        listener.close();
        if (!thread.isAlive()) {
            farewell();
        }
        selector.close();
    }

    private void farewell() throws IOException {
        long deadline = System.nanoTime() + FLUSH_NANOS;
        while (!connections.isEmpty()) {
            long now = System.nanoTime();
            for (Connection connection : List.copyOf(connections)) {
                goOn(connection, now);
                if (!connection.wantsToWrite()) {
                    drop(connection);
                }
            }
            if (now - deadline > 0) {
                List.copyOf(connections).forEach(this::drop);
            } else if (!connections.isEmpty()) {
                selector.select(TimeUnit.NANOSECONDS.toMillis(FLUSH_NANOS) / 10);
                selector.selectedKeys().clear();
            }
        }
    }
}
