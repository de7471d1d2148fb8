package virtshrink.nbd;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;

/** Reads simple replies and structured reply chunks, and hands each to the request it answers. Used by one thread. */
final class ReplyReader {
    private static final int SIMPLE_REPLY_MAGIC = 0x67446698;
    private static final int STRUCTURED_REPLY_MAGIC = 0x668e33ef;
    private static final int REPLY_FLAG_DONE = 1;

    private static final int REPLY_TYPE_NONE = 0;
    private static final int REPLY_TYPE_ERROR_BIT = 1 << 15;
    private static final int REPLY_TYPE_ERROR_OFFSET = REPLY_TYPE_ERROR_BIT + 2;

    private static final int ESHUTDOWN = 108;
    private static final int ERROR_FIXED_BYTES = 6;
    private static final int OFFSET_BYTES = 8;
    /** A message, and room for fields of error types that this client does not know. */
    private static final int MOST_ERROR_PAYLOAD_BYTES = 2 * NbdOptions.LONGEST_STRING_BYTES;

    private final Wire wire;
    private final boolean structured;
    private final Pending pending;

    ReplyReader(Wire wire, boolean structured, Pending pending) {
        this.wire = wire;
        this.structured = structured;
        this.pending = pending;
    }

    /** The requests that await replies. */
    interface Pending {
        Optional<Request> find(long cookie);

        /** The request's reply is whole. */
        void answered(long cookie);

        /** The server has said that it ends; the protocol wants no more requests sent to it. */
        void shuttingDown();
    }

    /** Reads one message; what a request is told of it is nothing but an answer or an error, every fault is thrown. */
    void readMessage() throws IOException {
        wire.setPhase("between replies");
        int magic = wire.i32();
        wire.setPhase("in the middle of a reply");
        if (magic == SIMPLE_REPLY_MAGIC) {
            readSimpleReply();
        } else if (magic == STRUCTURED_REPLY_MAGIC && structured) {
            readChunk();
        } else {
            throw wire.fault("a message with magic 0x%08x%s"
                    .formatted(magic, magic == STRUCTURED_REPLY_MAGIC ? ", a structured reply without leave" : ""));
        }
    }

    private void readSimpleReply() throws IOException {
        int error = wire.i32();
        long cookie = wire.i64();
        Request request = requestOf(cookie);
        if (structured && request instanceof ReadRequest) {
            throw wire.fault("a simple reply to " + request);
        }
        if (error == 0) {
            request.receiveSimple(wire);
        } else {
            fail(request, error, "");
        }
        pending.answered(cookie);
    }

    private void readChunk() throws IOException {
        int flags = wire.u16();
        int type = wire.u16();
        long cookie = wire.i64();
        long payloadBytes = wire.u32();
        Request request = requestOf(cookie);
        boolean last = (flags & REPLY_FLAG_DONE) != 0;
        if (type == REPLY_TYPE_NONE) {
            if (payloadBytes != 0 || !last) {
                throw wire.fault("an empty chunk of %d bytes%s in reply to %s"
                        .formatted(payloadBytes, last ? "" : " that is not the last", request));
            }
        } else if ((type & REPLY_TYPE_ERROR_BIT) != 0) {
            readError(request, type, payloadBytes);
        } else {
            request.receiveChunk(type, payloadBytes, wire);
        }
        if (last) {
            if (!request.hasFailed()) {
                request.requireWhole(wire);
            }
            pending.answered(cookie);
        }
    }

    private void readError(Request request, int type, long payloadBytes) throws IOException {
        int tailBytes = type == REPLY_TYPE_ERROR_OFFSET ? OFFSET_BYTES : 0;
        if (payloadBytes < ERROR_FIXED_BYTES + tailBytes || payloadBytes > MOST_ERROR_PAYLOAD_BYTES) {
            throw wire.fault("an error chunk of %d bytes in reply to %s".formatted(payloadBytes, request));
        }
        int error = wire.i32();
        int messageBytes = wire.u16();
        long restBytes = payloadBytes - ERROR_FIXED_BYTES - messageBytes - tailBytes;
        if (error == 0 || messageBytes > NbdOptions.LONGEST_STRING_BYTES || restBytes < 0) {
            throw wire.fault("an error chunk of %d bytes with error %d and a message of %d bytes in reply to %s"
                    .formatted(payloadBytes, error, messageBytes, request));
        }
        ByteBuffer message = ByteBuffer.allocate(messageBytes);
        wire.bytes(message);
        if (type == REPLY_TYPE_ERROR_OFFSET) {
            long offset = wire.i64();
            if (offset < request.offsetBytes() || offset - request.offsetBytes() > request.lengthBytes()) {
                throw wire.fault(
                        "an error at offset %s in reply to %s".formatted(Long.toUnsignedString(offset), request));
            }
        }
        wire.skip(restBytes);
        fail(request, error, ServerText.of(message.flip()));
    }

    private Request requestOf(long cookie) throws NbdProtocolException {
        return pending.find(cookie)
                .orElseThrow(() -> wire.fault("a reply with cookie %s, which no request in flight has"
                        .formatted(Long.toUnsignedString(cookie))));
    }

    private void fail(Request request, int error, String text) {
        request.fail(new NbdErrorException(
                "NBD server at %s answered %s with %s%s"
                        .formatted(wire.socket(), request, errorName(error), text.isEmpty() ? "" : ": " + text),
                error,
                null));
        if (error == ESHUTDOWN) {
            pending.shuttingDown();
        }
    }

    private static String errorName(int error) {
        return switch (error) {
            case 1 -> "EPERM (operation not permitted)";
            case 5 -> "EIO (input/output error)";
            case 12 -> "ENOMEM (out of memory)";
            case 22 -> "EINVAL (invalid argument)";
            case 28 -> "ENOSPC (no space left)";
            case 75 -> "EOVERFLOW (request too large)";
            case 95 -> "ENOTSUP (not supported)";
            case ESHUTDOWN -> "ESHUTDOWN (server is shutting down)";
            default -> "error " + Integer.toUnsignedString(error);
        };
    }
}
