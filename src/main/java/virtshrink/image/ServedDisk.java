package virtshrink.image;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.LongConsumer;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.nbd.NbdClient;
import virtshrink.nbd.NbdOptions;

/**
 * A disk served by {@code qemu-nbd} with our client on it: what the guest would see, and where its image holds what. Reads may come from
 * several threads; the rest is for one.
 */
public final class ServedDisk implements AutoCloseable {
    private static final String ALLOCATION = "base:allocation";
    private static final String DEPTH = "qemu:allocation-depth";
    /** Flags of {@code base:allocation}. */
    private static final int HOLE = 1;

    private static final int ZERO = 2;
    /** A flush may have to write out what others have left in the page cache; only a disk that hangs takes longer. */
    private static final Duration REQUEST_LIMIT = Duration.ofMinutes(10);

    private static final Duration START_LIMIT = Duration.ofSeconds(30);
    /** Longer than any flush takes that is still going to end. */
    private static final Duration STOP_LIMIT = Duration.ofMinutes(10);

    private final QemuNbd server;
    private final NbdClient client;

    private ServedDisk(QemuNbd server, NbdClient client) {
        this.server = server;
        this.client = client;
    }

    /**
     * Serves an image for this process alone.
     *
     * @param socketDirectory private to this user
     */
    static ServedDisk readOnly(ChildProcessFactory children, ImageNode image, Path socketDirectory) throws IOException {
        return readOnly(children, image, socketDirectory, "nbd.sock");
    }

    /** As {@link #readOnly}, beside others that are served at the same time. */
    static ServedDisk readOnly(ChildProcessFactory children, ImageNode image, Path socketDirectory, String socketName)
            throws IOException {
        return open(children, ServeOptions.readOnly(image, socketDirectory.resolve(socketName)));
    }

    /** As {@link #readOnly}; zeros written give space back. */
    static ServedDisk writable(
            ChildProcessFactory children, ImageNode image, Path socketDirectory, ServeOptions.CacheMode cache)
            throws IOException {
        return open(
                children,
                ServeOptions.writable(image, socketDirectory.resolve("nbd.sock"))
                        .withCache(cache));
    }

    private static ServedDisk open(ChildProcessFactory children, ServeOptions options) throws IOException {
        QemuNbd server = QemuNbd.serve(children, options, START_LIMIT);
        try {
            NbdClient client = NbdClient.connect(
                    options.socket(),
                    NbdOptions.defaults().withMetaContexts(ALLOCATION, DEPTH).withRequestTimeout(REQUEST_LIMIT));
            return new ServedDisk(server, client);
        } catch (IOException | RuntimeException problem) {
            server.close();
            throw problem;
        }
    }

    /** The disk's bytes as the guest sees them. */
    public BlockSource bytes() {
        return client;
    }

    /** What the topmost layer itself holds as data: not zeros, not holes, not what only a backing file has. */
    public RangeSet ownData() throws IOException {
        return ownLayer().intersect(client.extents(ALLOCATION, wholeDisk(), flags -> (flags & (HOLE | ZERO)) == 0));
    }

    /** How many bytes of data there are in all layers together. */
    public long dataBytes() throws IOException {
        return client.extents(ALLOCATION, wholeDisk(), flags -> (flags & (HOLE | ZERO)) == 0)
                .totalBytes();
    }

    /** What the topmost layer itself holds, data or zeros. */
    public RangeSet ownLayer() throws IOException {
        return client.extents(DEPTH, wholeDisk(), depth -> depth == 1);
    }

    /** What reads as zero without being read. */
    public RangeSet zeros() throws IOException {
        return client.extents(ALLOCATION, wholeDisk(), flags -> (flags & ZERO) != 0);
    }

    /**
     * Makes the ranges read as zeros; durable, as far as the cache mode goes, after {@link #stop}.
     *
     * @param progressBytes told how many bytes are done
     */
    public void writeZeroes(RangeSet ranges, LongConsumer progressBytes) throws IOException {
        client.writeZeroes(ranges, progressBytes);
        client.flush();
    }

    private ByteRange wholeDisk() {
        return new ByteRange(0, client.sizeBytes());
    }

    /** Ends the connection and waits until the server has ended: the file is complete then. */
    public void stop() throws IOException {
        client.close();
        server.stop(STOP_LIMIT);
    }

    @Override
    public void close() {
        client.close();
        server.close();
    }
}
