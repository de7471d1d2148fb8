package virtshrink.metrics;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** One connection: a request is read, its answer written, then the other side's end awaited. Never waits itself; used by one thread. */
final class Exchange {
    /** No scraper asks at such length. */
    private static final int MOST_REQUEST_BYTES = 8 << 10;

    private final SocketChannel channel;
    private final Answers answers;
    private final long deadlineNanos;
    private final ByteBuffer request = ByteBuffer.allocate(MOST_REQUEST_BYTES);
    private Optional<ByteBuffer> answer = Optional.empty();

    /**
     * A connection just accepted, which does not block.
     *
     * @param deadlineNanos of {@link System#nanoTime}; by then it is over
     */
    Exchange(SocketChannel channel, Answers answers, long deadlineNanos) {
        this.channel = channel;
        this.answers = answers;
        this.deadlineNanos = deadlineNanos;
    }

    /**
     * Does what can be done now.
     *
     * @return what to wait for, as a set of {@link SelectionKey}; 0 when it is over
     */
    int advance() throws IOException {
        if (answer.isEmpty()) {
            boolean open = channel.read(request) >= 0;
            answer = answerTo(request);
            if (answer.isEmpty()) {
                return open ? SelectionKey.OP_READ : 0;
            }
        }
        ByteBuffer rest = answer.get();
        if (rest.hasRemaining()) {
            channel.write(rest);
            if (rest.hasRemaining()) {
                return SelectionKey.OP_WRITE;
            }
            channel.shutdownOutput();
        }
        // Closing with something unread would reset the connection, and might take the answer with it.
        request.clear();
        return channel.read(request) >= 0 ? SelectionKey.OP_READ : 0;
    }

    /** Empty while the request is not complete. */
    private Optional<ByteBuffer> answerTo(ByteBuffer read) {
        String text =
                StandardCharsets.ISO_8859_1.decode(read.duplicate().flip()).toString();
        if (text.contains("\r\n\r\n") || text.contains("\n\n")) {
            return Optional.of(
                    ByteBuffer.wrap(answers.to(text.lines().findFirst().orElse(""))));
        }
        return read.hasRemaining() ? Optional.empty() : Optional.of(ByteBuffer.wrap(answers.toTooLong()));
    }

    boolean isOverdue(long nowNanos) {
        return nowNanos - deadlineNanos >= 0;
    }

    void close() throws IOException {
        channel.close();
    }
}
