package virtshrink.nbd;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.function.IntPredicate;
import java.util.function.LongConsumer;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;

/**
 * An NBD server's export over a Unix socket. Follows the NBD protocol specification (doc/proto.md): fixed newstyle handshake, structured or
 * simple replies.
 *
 * <p>Thread-safe; requests of all threads share the connection, several in flight. Calls wait for their replies and are not interruptible,
 * but never wait longer than the time limits of {@link NbdOptions} (a call of many requests: for each). Failures are {@link NbdException}s:
 * an error reply fails its request, and the connection stays usable; everything else (broken protocol, silence, a closed connection) fails
 * every request under way and every later one with that same reason.
 */
public final class NbdClient implements BlockSource, AutoCloseable {
    /**
     * Reads are cut at multiples of this, or of what the server takes if that is less. The protocol's portable bound is 32 MiB, but a server
     * holds a buffer of that size for each request in flight, and larger reads than this are not faster.
     */
    private static final long MOST_READ_BYTES = 2 << 20;

    /**
     * Requests without data are cut at multiples of this. The protocol allows 4 GiB less a byte; a power of two does not cut through a
     * cluster of the server's image, which would then have to be written with zeros instead of being marked as zero.
     */
    private static final long MOST_EFFECT_BYTES = 1 << 30;

    /** Just below the protocol's 32 bits, and a multiple of every minimum block size. */
    private static final long MOST_STATUS_BYTES = (1L << 32) - (1 << 16);

    private final Path socket;
    private final NbdExport export;
    private final NbdConnection connection;

    private NbdClient(Path socket, NbdExport export, NbdConnection connection) {
        this.socket = socket;
        this.export = export;
        this.connection = connection;
    }

    /**
     * Connects and agrees on everything. The socket must exist and be served.
     *
     * @throws NbdException if that fails; nothing is left open
     */
    public static NbdClient connect(Path socket, NbdOptions options) throws IOException {
        Patience patience = Patience.of(options.handshakeTimeout(), "no end of the handshake");
        Wire wire = Wire.connect(socket, options.handshakeTimeout(), patience);
        try {
            NbdExport export = new Handshake(wire, options).run();
            NbdConnection connection = new NbdConnection(wire, options, export.structured());
            connection.start();
            return new NbdClient(socket, export, connection);
        } catch (IOException | RuntimeException | Error e) {
            try {
                wire.close();
            } catch (IOException closing) {
                e.addSuppressed(closing);
            }
            throw e;
        }
    }

    @Override
    public long sizeBytes() {
        return export.sizeBytes();
    }

    /** What the server said about request sizes; honoured by every method here. */
    public NbdLimits serverLimits() {
        return export.limits();
    }

    public boolean isReadOnly() {
        return export.has(NbdExport.FLAG_READ_ONLY);
    }

    /** Whether {@link #writeZeroes} works: offered, and the export is writable. */
    public boolean canWriteZeroes() {
        return export.has(NbdExport.FLAG_SEND_WRITE_ZEROES) && !isReadOnly();
    }

    /** Whether {@link #trim} works: offered, and the export is writable. */
    public boolean canTrim() {
        return export.has(NbdExport.FLAG_SEND_TRIM) && !isReadOnly();
    }

    public boolean canFlush() {
        return export.has(NbdExport.FLAG_SEND_FLUSH);
    }

    /** Whether several connections to this export see each other's writes and flushes. */
    public boolean canMultiConn() {
        return export.has(NbdExport.FLAG_CAN_MULTI_CONN);
    }

    /** Whether replies come in structured chunks; without them there are no metadata contexts. */
    public boolean hasStructuredReplies() {
        return export.structured();
    }

    /** Reads, whatever the server's block sizes are. On failure the destination's content is undefined, its position unchanged. */
    @Override
    public void read(long offsetBytes, ByteBuffer destination) throws IOException {
        if (destination.isReadOnly()) {
            throw new ReadOnlyBufferException();
        }
        int wantedBytes = destination.remaining();
        if (offsetBytes < 0 || offsetBytes > sizeBytes() - wantedBytes) {
            throw new EOFException("%d bytes at offset %d reach beyond the %d bytes of the NBD export at %s"
                    .formatted(wantedBytes, offsetBytes, sizeBytes(), socket));
        }
        if (wantedBytes == 0) {
            return;
        }
        ByteBuffer target = destination.slice();
        long cutBytes = export.limits().alignDown(Math.min(export.limits().maximumBytes(), MOST_READ_BYTES));
        Iterator<ByteRange> parts = new Pieces(
                List.of(widen(new ByteRange(offsetBytes, wantedBytes))).iterator(), cutBytes);
        Pipeline.run(connection, parts, part -> readRequest(part, offsetBytes, target), answered -> {});
        destination.position(destination.limit());
    }

    /**
     * Makes the ranges read as zeros; the server may make holes of them. Needs {@link #flush} to be durable.
     *
     * @param progressBytes told after each answered request how many bytes are done so far, from this thread
     * @throws IllegalArgumentException if a range is not made of whole blocks ({@link NbdLimits#minimumBytes}) or reaches beyond the export;
     *     nothing has been sent then
     * @throws IOException on the first failure; which ranges have been zeroed is then unknown
     */
    public void writeZeroes(RangeSet ranges, LongConsumer progressBytes) throws IOException {
        require(canWriteZeroes(), "NBD_CMD_WRITE_ZEROES");
        apply(Request.Command.WRITE_ZEROES, ranges, progressBytes);
    }

    /** Tells the server that the ranges' content is no longer needed; what they read as afterwards is undefined. As {@link #writeZeroes}. */
    public void trim(RangeSet ranges, LongConsumer progressBytes) throws IOException {
        require(canTrim(), "NBD_CMD_TRIM");
        apply(Request.Command.TRIM, ranges, progressBytes);
    }

    /** Returns when everything that has been answered before is on stable storage. */
    public void flush() throws IOException {
        require(canFlush(), "NBD_CMD_FLUSH");
        Request request = new PlainRequest(Request.Command.FLUSH, 0, 0);
        connection.submit(request);
        request.awaitEnd();
        request.throwIfFailed();
    }

    /** Whether the server serves the metadata context; it must have been asked for in {@link NbdOptions#metaContexts}. */
    public boolean hasMetaContext(String context) {
        return export.contexts().containsKey(context);
    }

    /**
     * Walks a range by the server's extents, with as many requests as that takes. Extents cover the range exactly.
     *
     * @throws IOException if the server fails or does not serve the context, or the consumer throws it
     * @throws IllegalArgumentException if the range reaches beyond the export
     */
    public void blockStatus(String context, ByteRange range, ExtentConsumer consumer) throws IOException {
        int id = Optional.ofNullable(export.contexts().get(context))
                .orElseThrow(() -> new NbdRefusedException(
                        "NBD server at %s does not serve the metadata context %s".formatted(socket, context)));
        requireInside(range);
        long position = range.startBytes();
        // A reply that does not come further is a fault, so this ends.
        while (position < range.endBytes()) {
            ByteRange asked = widen(ByteRange.between(position, range.endBytes()));
            StatusRequest request = new StatusRequest(
                    asked.startBytes(),
                    Math.min(asked.lengthBytes(), MOST_STATUS_BYTES),
                    position,
                    id,
                    export.contexts().values());
            connection.submit(request);
            request.awaitEnd();
            request.throwIfFailed();
            position = consume(request, position, range.endBytes(), consumer);
        }
    }

    /**
     * The parts of a range whose flags pass a test. Takes sixteen bytes for each of them; for an unbounded number use
     * {@link #blockStatus}.
     */
    public RangeSet extents(String context, ByteRange range, IntPredicate flags) throws IOException {
        RangeSet.Builder found = RangeSet.builder();
        blockStatus(context, range, (startBytes, lengthBytes, extentFlags) -> {
            if (flags.test(extentFlags)) {
                found.add(startBytes, lengthBytes);
            }
        });
        return found.build();
    }

    /** Ends the connection; requests of other threads that the server does not answer within a second fail. */
    @Override
    public void close() {
        connection.close();
    }

    private static Request readRequest(ByteRange part, long wantedStartBytes, ByteBuffer target) {
        long from = Math.max(part.startBytes() - wantedStartBytes, 0);
        long to = Math.min(part.endBytes() - wantedStartBytes, target.capacity());
        return new ReadRequest(
                part.startBytes(), part.lengthBytes(), wantedStartBytes + from, target.slice((int) from, (int)
                        (to - from)));
    }

    private void apply(Request.Command command, RangeSet ranges, LongConsumer progressBytes) throws IOException {
        for (ByteRange range : ranges) {
            requireInside(range);
            if (!export.limits().isAligned(range.startBytes())
                    || !export.limits().isAligned(range.lengthBytes())) {
                throw new IllegalArgumentException(
                        "%s is not made of the whole blocks of %d bytes that the NBD server at %s takes"
                                .formatted(range, export.limits().minimumBytes(), socket));
            }
        }
        long[] doneBytes = new long[1];
        Pipeline.run(
                connection,
                new Pieces(ranges.iterator(), MOST_EFFECT_BYTES),
                piece -> new PlainRequest(command, piece.startBytes(), piece.lengthBytes()),
                answered -> {
                    doneBytes[0] += answered.lengthBytes();
                    progressBytes.accept(doneBytes[0]);
                });
    }

    /** Hands on what of the extents lies between the position and the end; where they end. */
    private static long consume(StatusRequest request, long position, long endBytes, ExtentConsumer consumer)
            throws IOException {
        long reached = position;
        long start = request.offsetBytes();
        for (int i = 0; i < request.extents() && reached < endBytes; i++) {
            long end = start + Math.min(request.extentBytes(i), endBytes - start);
            if (end > reached) {
                consumer.extent(reached, end - reached, request.flags(i));
                reached = end;
            }
            start = end;
        }
        return reached;
    }

    /** The whole blocks around a range, as far as the export goes. */
    private ByteRange widen(ByteRange range) {
        long end = range.endBytes();
        long lastBlock = export.limits().alignDown(end);
        if (end > lastBlock) {
            end += Math.min(export.limits().minimumBytes() - (end - lastBlock), sizeBytes() - end);
        }
        return ByteRange.between(export.limits().alignDown(range.startBytes()), end);
    }

    private void requireInside(ByteRange range) {
        if (range.endBytes() > sizeBytes()) {
            throw new IllegalArgumentException(
                    "%s reaches beyond the %d bytes of the NBD export at %s".formatted(range, sizeBytes(), socket));
        }
    }

    private void require(boolean offered, String command) throws NbdRefusedException {
        if (!offered) {
            throw new NbdRefusedException("NBD server at %s does not offer %s%s"
                    .formatted(socket, command, isReadOnly() ? ", it serves read-only" : ""));
        }
    }
}
