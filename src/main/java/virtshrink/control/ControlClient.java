package virtshrink.control;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The client's end of the socket, for one request. Not thread-safe, {@link #takeBack} excepted. A thread that is interrupted while it waits for
 * an answer closes it.
 */
public final class ControlClient implements AutoCloseable {
    /** No answer is longer: a domain's disks with all their filesystems are far below. */
    private static final int MOST_ANSWER_BYTES = 16 << 20;

    private final SocketChannel channel;
    private final InputStream answers;

    private ControlClient(SocketChannel channel) {
        this.channel = channel;
        this.answers = new BufferedInputStream(Channels.newInputStream(channel));
    }

    /** The name of the socket in a daemon's run directory. */
    public static final String SOCKET_NAME = "control";

    /**
     * Connects and asks.
     *
     * @throws IOException if nobody listens there, or this user cannot reach it
     */
    public static ControlClient ask(Path socket, Request request) throws IOException {
        SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
        try {
            send(channel, ByteBuffer.wrap(RequestLine.of(request)));
            return new ControlClient(channel);
        } catch (IOException | RuntimeException problem) {
            channel.close();
            throw problem;
        }
    }

    private static void send(SocketChannel channel, ByteBuffer line) throws IOException {
        try {
            while (line.hasRemaining()) {
                channel.write(line);
            }
        } catch (IOException turnedAway) {
            // The reason may be there to be read; if not, reading ends at once.
            ControlServer.LOG.debug("the request was not taken", turnedAway);
        }
    }

    /**
     * Waits for the next answer; empty after the last.
     *
     * @throws MalformedMessageException if it is not one of this version of the protocol
     */
    public Optional<Answer> next() throws IOException, MalformedMessageException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int next = answers.read(); next != '\n'; next = answers.read()) {
            if (next < 0) {
                return Optional.empty();
            }
            if (line.size() == MOST_ANSWER_BYTES) {
                throw new MalformedMessageException("it is too long");
            }
            line.write(next);
        }
        return Optional.of(AnswerLine.parse(line.toByteArray()));
    }

    /** Takes the request back; the answers that follow tell what became of it. From any thread. */
    public void takeBack() {
        try {
            channel.shutdownOutput();
        } catch (IOException gone) {
            ControlServer.LOG.debug("the daemon is gone already", gone);
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
