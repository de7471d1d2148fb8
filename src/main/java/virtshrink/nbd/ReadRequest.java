package virtshrink.nbd;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Reads whole blocks of the server; only the bytes that were wanted of them reach the destination. */
final class ReadRequest extends Request {
    private static final int OFFSET_DATA = 1;
    private static final int OFFSET_HOLE = 2;
    private static final int OFFSET_BYTES = 8;
    private static final int HOLE_PAYLOAD_BYTES = 12;
    private static final ByteBuffer ZEROS = ByteBuffer.allocateDirect(64 << 10).asReadOnlyBuffer();

    private final long wantedStartBytes;
    private final ByteBuffer destination;
    private final Coverage coverage;

    /**
     * @param offsetBytes of the request, at or before what is wanted
     * @param wantedStartBytes where in the export the destination's first byte comes from
     * @param destination what is wanted: all of it from index 0 to its limit, which lies within the request
     */
    ReadRequest(long offsetBytes, long lengthBytes, long wantedStartBytes, ByteBuffer destination) {
        super(Command.READ, offsetBytes, lengthBytes);
        this.wantedStartBytes = wantedStartBytes;
        this.destination = destination;
        this.coverage = new Coverage(offsetBytes, offsetBytes + lengthBytes);
    }

    @Override
    void receiveSimple(Wire wire) throws IOException {
        receiveData(offsetBytes(), lengthBytes(), wire);
    }

    @Override
    void receiveChunk(int type, long payloadBytes, Wire wire) throws IOException {
        if (type == OFFSET_DATA) {
            if (payloadBytes <= OFFSET_BYTES || payloadBytes - OFFSET_BYTES > lengthBytes()) {
                throw wire.fault("a data chunk of %d bytes in reply to %s".formatted(payloadBytes, this));
            }
            long start = wire.i64();
            claim(start, payloadBytes - OFFSET_BYTES, wire);
            receiveData(start, payloadBytes - OFFSET_BYTES, wire);
        } else if (type == OFFSET_HOLE) {
            if (payloadBytes != HOLE_PAYLOAD_BYTES) {
                throw wire.fault("a hole chunk of %d bytes in reply to %s".formatted(payloadBytes, this));
            }
            long start = wire.i64();
            long holeBytes = wire.u32();
            claim(start, holeBytes, wire);
            zero(start, holeBytes);
        } else {
            throw wire.fault("a chunk of type %d in reply to %s".formatted(type, this));
        }
    }

    @Override
    void requireWhole(Wire wire) throws NbdProtocolException {
        if (!coverage.isWhole()) {
            throw wire.fault("the reply to %s ends without all its bytes".formatted(this));
        }
    }

    private void claim(long start, long bytes, Wire wire) throws NbdProtocolException {
        if (start < offsetBytes() || bytes < 1 || start - offsetBytes() > lengthBytes() - bytes) {
            throw wire.fault(
                    "%d bytes at offset %s in reply to %s".formatted(bytes, Long.toUnsignedString(start), this));
        }
        if (!coverage.claim(start, start + bytes)) {
            throw wire.fault("overlapping or too scattered chunks at offset %d in reply to %s".formatted(start, this));
        }
    }

    private void receiveData(long start, long bytes, Wire wire) throws IOException {
        ByteBuffer part = wantedOf(start, bytes);
        if (part.hasRemaining()) {
            long before = Math.max(0, wantedStartBytes - start);
            long after = bytes - before - part.remaining();
            wire.skip(before);
            wire.bytes(part);
            wire.skip(after);
        } else {
            wire.skip(bytes);
        }
    }

    private void zero(long start, long bytes) {
        ByteBuffer part = wantedOf(start, bytes);
        while (part.hasRemaining()) {
            part.put(ZEROS.slice(0, Math.min(part.remaining(), ZEROS.capacity())));
        }
    }

    /** The part of the destination that these bytes belong to; may be empty. */
    private ByteBuffer wantedOf(long start, long bytes) {
        long wantedBytes = destination.limit();
        long from = Math.min(Math.max(start - wantedStartBytes, 0), wantedBytes);
        long to = Math.min(Math.max(start + bytes - wantedStartBytes, from), wantedBytes);
        return destination.slice((int) from, (int) (to - from));
    }
}
