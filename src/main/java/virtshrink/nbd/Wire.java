package virtshrink.nbd;

import java.io.Closeable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The bytes of one connection, big-endian both ways.
 *
 * <p>One thread reads; any thread sends. Sending never blocks: what the socket does not take at once is sent by the reading thread while it
 * waits. Reading waits as long as the current {@link Patience} lasts, so a server that stays silent, trickles or stops reading ends in
 * {@link NbdTimeoutException}. Being non-blocking, the channel is not closed by an interrupt of a sending thread.
 */
final class Wire implements Closeable {
    private static final int INPUT_BYTES = 256 << 10;

    private final Path socket;
    private final SocketChannel channel;
    private final Selector selector;
    private final SelectionKey key;
    private final ByteBuffer input = ByteBuffer.allocateDirect(INPUT_BYTES).limit(0);
    private final Deque<ByteBuffer> unsent = new ArrayDeque<>();
    private Patience patience;
    private String phase = "during the handshake";

    private Wire(Path socket, SocketChannel channel, Patience patience) throws IOException {
        this.socket = socket;
        this.channel = channel;
        this.patience = patience;
        channel.configureBlocking(false);
        this.selector = Selector.open();
        this.key = channel.register(selector, SelectionKey.OP_READ);
    }

    static Wire connect(Path socket, Duration timeout, Patience patience) throws IOException {
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            connect(channel, socket, timeout);
            return new Wire(socket, channel, patience);
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /** Connecting blocks while the server's backlog is full (a non-blocking channel would fail then at once); hence the watchdog. */
    private static void connect(SocketChannel channel, Path socket, Duration timeout) throws IOException {
        CountDownLatch settled = new CountDownLatch(1);
        AtomicBoolean decided = new AtomicBoolean();
        Thread watchdog = new Thread(
                () -> {
                    try {
                        if (!settled.await(timeout.toNanos(), TimeUnit.NANOSECONDS)
                                && decided.compareAndSet(false, true)) {
                            channel.close();
                        }
                    } catch (InterruptedException | IOException e) {
                        throw new IllegalStateException("watching the connection to " + socket, e);
                    }
                },
                "nbd connect " + socket.getFileName());
        watchdog.setDaemon(true);
        watchdog.start();
        try {
            channel.connect(UnixDomainSocketAddress.of(socket));
            if (!decided.compareAndSet(false, true)) {
                throw new AsynchronousCloseException();
            }
        } catch (ClosedByInterruptException e) {
            throw interrupted(socket);
        } catch (AsynchronousCloseException e) {
            throw new NbdTimeoutException(
                    "NBD server at %s took no connection within %d ms".formatted(socket, timeout.toMillis()), e);
        } catch (IOException e) {
            throw new NbdDisconnectedException(
                    "no NBD server could be reached at %s: %s".formatted(socket, e.getMessage()), e);
        } finally {
            settled.countDown();
        }
    }

    /** From now on waits last this long. To be called by the reading thread, or before it starts. */
    void setPatience(Patience patience) {
        this.patience = patience;
    }

    /** What the connection is doing, for the message of a sudden end. To be called by the reading thread, or before it starts. */
    void setPhase(String phase) {
        this.phase = phase;
    }

    /** Sends without blocking; a broken connection shows when reading. */
    void send(ByteBuffer message) {
        boolean wake;
        synchronized (unsent) {
            unsent.add(message);
            try {
                wake = !sendUnsent();
            } catch (IOException e) {
                // The reading thread meets the same error, after the replies that came before it.
                wake = true;
            }
        }
        if (wake) {
            selector.wakeup();
        }
    }

    /** Makes a wait of the reading thread look at its patience again. */
    void wake() {
        selector.wakeup();
    }

    int u16() throws IOException {
        await(2);
        return Short.toUnsignedInt(input.getShort());
    }

    int i32() throws IOException {
        await(4);
        return input.getInt();
    }

    long u32() throws IOException {
        return Integer.toUnsignedLong(i32());
    }

    long i64() throws IOException {
        await(8);
        return input.getLong();
    }

    /** Fills the rest of the destination. */
    void bytes(ByteBuffer destination) throws IOException {
        while (destination.hasRemaining()) {
            await(1);
            int part = Math.min(destination.remaining(), input.remaining());
            destination.put(input.slice(input.position(), part));
            input.position(input.position() + part);
        }
    }

    void skip(long lengthBytes) throws IOException {
        long left = lengthBytes;
        while (left > 0) {
            await(1);
            int part = (int) Math.min(left, input.remaining());
            input.position(input.position() + part);
            left -= part;
        }
    }

    /** What the server did wrong. */
    NbdProtocolException fault(String what) {
        return new NbdProtocolException("NBD server at %s broke the protocol: %s".formatted(socket, what));
    }

    Path socket() {
        return socket;
    }

    @Override
    public void close() throws IOException {
        // The selector last: only its closing lets go of the descriptor.
        try (selector) {
            channel.close();
        }
    }

    private void await(int bytes) throws IOException {
        while (input.remaining() < bytes) {
            long nanosLeft = patience.nanosLeft();
            if (nanosLeft <= 0) {
                throw new NbdTimeoutException("NBD server at %s: %s".formatted(socket, patience.exhausted()));
            }
            if (!fill()) {
                waitForTraffic(nanosLeft);
            }
        }
    }

    private boolean fill() throws IOException {
        int got;
        input.compact();
        try {
            got = channel.read(input);
        } catch (IOException e) {
            throw broken(e);
        } finally {
            input.flip();
        }
        if (got < 0) {
            throw new NbdDisconnectedException("NBD server at %s closed the connection %s".formatted(socket, phase));
        }
        return got > 0;
    }

    private void waitForTraffic(long nanosLeft) throws IOException {
        synchronized (unsent) {
            boolean sent;
            try {
                sent = sendUnsent();
            } catch (IOException e) {
                throw broken(e);
            }
            key.interestOps(sent ? SelectionKey.OP_READ : SelectionKey.OP_READ | SelectionKey.OP_WRITE);
        }
        selector.select(TimeUnit.NANOSECONDS.toMillis(nanosLeft) + 1);
        selector.selectedKeys().clear();
        if (Thread.currentThread().isInterrupted()) {
            throw interrupted(socket);
        }
    }

    private boolean sendUnsent() throws IOException {
        for (ByteBuffer next = unsent.peek(); next != null; next = unsent.peek()) {
            channel.write(next);
            if (next.hasRemaining()) {
                return false;
            }
            unsent.remove();
        }
        return true;
    }

    private NbdDisconnectedException broken(IOException cause) {
        return new NbdDisconnectedException(
                "the connection to the NBD server at %s broke: %s".formatted(socket, cause.getMessage()), cause);
    }

    private static InterruptedIOException interrupted(Path socket) {
        return new InterruptedIOException("interrupted while talking to the NBD server at " + socket);
    }
}
