package virtshrink.control;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * One client, from its first byte to the last one of its answer. Reading and flushing is for the server's thread; a {@link Conversation} is for
 * any. Memory is bounded: a request by its length, what the client has not read yet by {@link #MOST_PENDING_BYTES}.
 */
final class Connection implements Conversation {
    static final int MOST_PENDING_BYTES = 256 << 10;

    private final SocketChannel channel;
    private final String user;
    private final long patienceNanos;
    private final Runnable wakeUp;
    private final long acceptedNanos;
    private final ByteArrayOutputStream received = new ByteArrayOutputStream();
    private final Deque<ByteBuffer> pending = new ArrayDeque<>();
    private final List<Runnable> goneActions = new ArrayList<>();
    private int pendingBytes;
    private boolean asked;
    private boolean gone;
    private boolean dropped;
    private Optional<Long> saidLastNanos = Optional.empty();

    /**
     * One that was accepted just now.
     *
     * @param patience a request that is not complete by then will not come, nor will what is not read so long after the last answer be read
     * @param wakeUp makes the server's thread flush
     */
    Connection(SocketChannel channel, String user, Duration patience, Runnable wakeUp) {
        this.channel = channel;
        this.user = user;
        this.patienceNanos = patience.toNanos();
        this.wakeUp = wakeUp;
        this.acceptedNanos = System.nanoTime();
    }

    @Override
    public String user() {
        return user;
    }

    SocketChannel channel() {
        return channel;
    }

    /** Whether it has sent its request. */
    synchronized boolean hasAsked() {
        return asked;
    }

    /**
     * Takes what has come.
     *
     * @param buffer scratch space
     * @return the request, once: when it is complete
     * @throws MalformedMessageException if it is too long, or more comes behind it
     */
    Optional<byte[]> receive(ByteBuffer buffer) throws IOException, MalformedMessageException {
        buffer.clear();
        int count = channel.read(buffer);
        if (count < 0) {
            leave();
            return Optional.empty();
        }
        for (int i = 0; i < count; i++) {
            byte next = buffer.get(i);
            if (hasAsked()) {
                throw new MalformedMessageException("a connection is for one request");
            } else if (next == '\n') {
                ask();
            } else if (received.size() == ControlServer.MOST_REQUEST_BYTES) {
                throw new MalformedMessageException(
                        "a request has at most " + ControlServer.MOST_REQUEST_BYTES + " bytes");
            } else {
                received.write(next);
            }
        }
        if (!hasAsked() || count == 0) {
            return Optional.empty();
        }
        byte[] request = received.toByteArray();
        received.reset();
        return Optional.of(request);
    }

    private synchronized void ask() {
        asked = true;
    }

    @Override
    public void say(Answer answer) {
        send(answer, false);
    }

    @Override
    public void close(Answer last) {
        send(last, true);
    }

    /** Whoever does not keep to the protocol is not heard any more. */
    void refuse(String reason) {
        close(new Answer.Refused(Answer.Why.MALFORMED, reason));
        leave();
    }

    private void send(Answer answer, boolean last) {
        synchronized (this) {
            if (dropped || saidLastNanos.isPresent() || (answer instanceof Answer.Progress && pendingBytes > 0)) {
                return;
            }
            byte[] line = AnswerLine.of(answer);
            if (pendingBytes > 0 && pendingBytes + line.length > MOST_PENDING_BYTES) {
                // It has not read for so long that what is left out would be missed: to the server's thread it is gone.
                dropped = true;
            } else {
                pending.add(ByteBuffer.wrap(line));
                pendingBytes += line.length;
            }
            if (last) {
                saidLastNanos = Optional.of(System.nanoTime());
            }
        }
        wakeUp.run();
    }

    @Override
    public void whenGone(Runnable action) {
        synchronized (this) {
            if (!gone) {
                goneActions.add(action);
                return;
            }
        }
        action.run();
    }

    /** The client takes its request back, or has vanished. What is still said is sent as long as that is possible. */
    private void leave() {
        List<Runnable> due;
        synchronized (this) {
            if (gone) {
                return;
            }
            gone = true;
            due = List.copyOf(goneActions);
            goneActions.clear();
        }
        due.forEach(Runnable::run);
    }

    /** Whether reading makes sense: after its end, a channel would say so again and again. */
    synchronized boolean wantsToRead() {
        return !gone && !dropped;
    }

    synchronized boolean wantsToWrite() {
        return pendingBytes > 0 && !dropped;
    }

    /** Writes what the client takes. */
    synchronized void flush() throws IOException {
        while (!pending.isEmpty()) {
            ByteBuffer first = pending.element();
            pendingBytes -= channel.write(first);
            if (first.hasRemaining()) {
                return;
            }
            pending.remove();
        }
    }

    /** Whether there is nothing more to wait for. */
    synchronized boolean isOver(long nowNanos) {
        if (dropped) {
            return true;
        }
        if (saidLastNanos.isPresent()) {
            return pendingBytes == 0 || nowNanos - saidLastNanos.get() > patienceNanos;
        }
        return !asked && (gone || nowNanos - acceptedNanos > patienceNanos);
    }

    /** Closes the channel, whatever was still to be said. */
    void drop() {
        synchronized (this) {
            dropped = true;
            pending.clear();
            pendingBytes = 0;
        }
        leave();
        try {
            channel.close();
        } catch (IOException e) {
            ControlServer.LOG.debug("a client's connection did not close well", e);
        }
    }
}
