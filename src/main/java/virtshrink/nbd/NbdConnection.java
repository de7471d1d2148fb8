package virtshrink.nbd;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The transmission phase: requests by cookie, one reading thread, and the first fault, which ends everything. Thread-safe.
 *
 * <p>Only the reading thread completes requests, also when the connection ends; so a request that has completed is never written to again.
 * Nothing can wait for ever: the oldest request's deadline bounds every wait of the reading thread, and its end completes all others.
 */
final class NbdConnection {
    /** How long a server may take to hang up after {@code NBD_CMD_DISC}. */
    private static final Duration FAREWELL = Duration.ofSeconds(1);

    private final Wire wire;
    private final NbdOptions options;
    private final ReplyReader replies;
    private final Thread reader;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition slotFree = lock.newCondition();
    /** In the order of sending and so of their deadlines. */
    private final Map<Long, Request> pending = new LinkedHashMap<>();

    private long nextCookie = 1;
    private @Nullable NbdException fault;
    private Optional<Patience> farewell = Optional.empty();

    NbdConnection(Wire wire, NbdOptions options, boolean structured) {
        this.wire = wire;
        this.options = options;
        this.replies = new ReplyReader(wire, structured, new PendingRequests());
        this.reader = new Thread(this::readReplies, "nbd " + wire.socket().getFileName());
        reader.setDaemon(true);
    }

    void start() {
        wire.setPatience(new OldestRequest());
        reader.start();
    }

    int requestsInFlight() {
        return options.requestsInFlight();
    }

    /** Sends the request as soon as fewer than the agreed number are in flight. Its end is to be awaited. */
    void submit(Request request) throws NbdException {
        lock.lock();
        try {
            while (fault == null && pending.size() >= options.requestsInFlight()) {
                slotFree.awaitUninterruptibly();
            }
            if (fault != null) {
                throw fault.again();
            }
            long cookie = nextCookie++;
            request.setDeadlineNanos(
                    System.nanoTime() + options.requestTimeout().toNanos());
            pending.put(cookie, request);
            wire.send(request.encode(cookie));
        } finally {
            lock.unlock();
        }
    }

    /** Says goodbye, waits a short while for the server to answer what is in flight and to hang up, and closes. May be called again. */
    void close() {
        lock.lock();
        try {
            if (farewell.isEmpty()) {
                farewell = Optional.of(Patience.of(FAREWELL, "no end of the connection after NBD_CMD_DISC"));
                end(new NbdDisconnectedException("the connection to the NBD server at %s has been closed on this side"
                        .formatted(wire.socket())));
                wire.send(new PlainRequest(Request.Command.DISC, 0, 0).encode(0));
                wire.wake();
            }
        } finally {
            lock.unlock();
        }
        awaitReader();
    }

    private void readReplies() {
        try {
            while (true) {
                replies.readMessage();
            }
        } catch (NbdException e) {
            die(e);
        } catch (IOException | RuntimeException | Error e) {
            // Whatever it is, those who wait must hear of it.
            die(new NbdDisconnectedException(
                    "reading from the NBD server at %s failed: %s".formatted(wire.socket(), e), e));
        }
    }

    /** Runs on the reading thread, as its last act. */
    private void die(NbdException why) {
        List<Request> unanswered;
        NbdException first;
        lock.lock();
        try {
            first = end(why);
            unanswered = new ArrayList<>(pending.values());
            pending.clear();
        } finally {
            lock.unlock();
        }
        try {
            wire.close();
        } catch (IOException e) {
            why.addSuppressed(e);
        }
        for (Request request : unanswered) {
            request.abandon(first);
        }
    }

    /** From here on no request is accepted; the first reason is kept. To be called with the lock held. */
    private NbdException end(NbdException why) {
        NbdException first = fault == null ? why : fault;
        fault = first;
        slotFree.signalAll();
        return first;
    }

    private void awaitReader() {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    reader.join();
                    return;
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private final class PendingRequests implements ReplyReader.Pending {
        @Override
        public Optional<Request> find(long cookie) {
            lock.lock();
            try {
                return Optional.ofNullable(pending.get(cookie));
            } finally {
                lock.unlock();
            }
        }

        @Override
        public void answered(long cookie) {
            Optional<Request> request;
            lock.lock();
            try {
                request = Optional.ofNullable(pending.remove(cookie));
                slotFree.signal();
            } finally {
                lock.unlock();
            }
            request.ifPresent(Request::complete);
        }

        @Override
        public void shuttingDown() {
            lock.lock();
            try {
                end(new NbdDisconnectedException(
                        "NBD server at %s is shutting down and takes no more requests".formatted(wire.socket())));
            } finally {
                lock.unlock();
            }
        }
    }

    private final class OldestRequest implements Patience {
        @Override
        public long nanosLeft() {
            lock.lock();
            try {
                if (farewell.isPresent()) {
                    return farewell.get().nanosLeft();
                }
                // With nothing in flight, a request sent later cannot be due before this wait is over.
                return pending.isEmpty()
                        ? options.requestTimeout().toNanos()
                        : pending.values().iterator().next().deadlineNanos() - System.nanoTime();
            } finally {
                lock.unlock();
            }
        }

        @Override
        public String exhausted() {
            lock.lock();
            try {
                return farewell.map(Patience::exhausted)
                        .orElseGet(() -> "no reply to %s within %d ms"
                                .formatted(
                                        pending.values().iterator().next(),
                                        options.requestTimeout().toMillis()));
            } finally {
                lock.unlock();
            }
        }
    }
}
