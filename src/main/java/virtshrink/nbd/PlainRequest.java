package virtshrink.nbd;

/** A request whose reply carries nothing: write-zeroes, trim, flush. */
final class PlainRequest extends Request {
    PlainRequest(Command command, long offsetBytes, long lengthBytes) {
        super(command, offsetBytes, lengthBytes);
    }

    @Override
    void receiveSimple(Wire wire) {}

    @Override
    void receiveChunk(int type, long payloadBytes, Wire wire) throws NbdProtocolException {
        throw wire.fault("a chunk of type %d in reply to %s".formatted(type, this));
    }

    @Override
    void requireWhole(Wire wire) {}
}
