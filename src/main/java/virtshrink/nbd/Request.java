package virtshrink.nbd;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * One request of the transmission phase and what has come of it. The receiving methods are called by the connection's reading thread only,
 * which alone completes a request: whoever has awaited it owns its buffers again.
 */
abstract sealed class Request permits ReadRequest, PlainRequest, StatusRequest {
    private static final int REQUEST_MAGIC = 0x25609513;
    private static final int REQUEST_BYTES = 28;

    private final Command command;
    private final long offsetBytes;
    private final long lengthBytes;
    private final CountDownLatch done = new CountDownLatch(1);
    private long deadlineNanos;
    private @Nullable NbdException failure;

    /** @param lengthBytes 0 to 4,294,967,295 */
    Request(Command command, long offsetBytes, long lengthBytes) {
        this.command = command;
        this.offsetBytes = offsetBytes;
        this.lengthBytes = lengthBytes;
    }

    /** The protocol's request types. */
    enum Command {
        READ(0),
        DISC(2),
        FLUSH(3),
        TRIM(4),
        WRITE_ZEROES(6),
        BLOCK_STATUS(7);

        private final int type;

        Command(int type) {
            this.type = type;
        }
    }

    final Command command() {
        return command;
    }

    final long offsetBytes() {
        return offsetBytes;
    }

    final long lengthBytes() {
        return lengthBytes;
    }

    final long deadlineNanos() {
        return deadlineNanos;
    }

    final void setDeadlineNanos(long deadlineNanos) {
        this.deadlineNanos = deadlineNanos;
    }

    /** The request as the protocol writes it; no command flags. */
    final ByteBuffer encode(long cookie) {
        return ByteBuffer.allocate(REQUEST_BYTES)
                .putInt(REQUEST_MAGIC)
                .putShort((short) 0)
                .putShort((short) command.type)
                .putLong(cookie)
                .putLong(offsetBytes)
                .putInt((int) lengthBytes)
                .flip();
    }

    /** Takes what follows a simple reply without error. */
    abstract void receiveSimple(Wire wire) throws IOException;

    /** Takes the payload of a content chunk; all of it, or throws. */
    abstract void receiveChunk(int type, long payloadBytes, Wire wire) throws IOException;

    /** Throws if the content of a reply that ends without error is not whole. */
    abstract void requireWhole(Wire wire) throws NbdProtocolException;

    /** Remembers the first failure. */
    final void fail(NbdException why) {
        if (failure == null) {
            failure = why;
        }
    }

    /** The connection ended before the reply did; that matters more than an error in the part of it that came. */
    final void abandon(NbdException why) {
        failure = why;
        complete();
    }

    final boolean hasFailed() {
        return failure != null;
    }

    final void complete() {
        done.countDown();
    }

    /**
     * Waits for the reply. Not interruptible, because the reply may be arriving in the caller's buffer; the request's timeout bounds the
     * wait. An interrupt stays pending.
     */
    final void awaitEnd() {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    done.await();
                    break;
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

    /** To be called when the request has ended. */
    final void throwIfFailed() throws NbdException {
        if (failure != null) {
            throw failure.again();
        }
    }

    @Override
    public String toString() {
        return command == Command.FLUSH
                ? "NBD_CMD_FLUSH"
                : "NBD_CMD_%s of %d bytes at offset %d".formatted(command, lengthBytes, offsetBytes);
    }
}
