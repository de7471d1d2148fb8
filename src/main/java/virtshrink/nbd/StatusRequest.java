package virtshrink.nbd;

import java.io.IOException;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;

/** Asks for the status of a range; keeps the extents of one metadata context out of a reply that has a chunk for each. */
final class StatusRequest extends Request {
    private static final int BLOCK_STATUS = 5;
    private static final int ID_BYTES = 4;
    private static final int DESCRIPTOR_BYTES = 8;
    /** What a server should not exceed in one chunk. */
    private static final int MOST_EXTENTS = 1 << 20;

    private final long wantedStartBytes;
    private final int wantedId;
    private final Set<Integer> missingIds;
    /** Two numbers for each extent. */
    private int[] lengthsAndFlags = new int[32];

    private int extents;

    /**
     * @param wantedStartBytes where, at or after the offset, the extents must come beyond
     * @param contextIds all that were agreed on, the wanted one among them
     */
    StatusRequest(
            long offsetBytes, long lengthBytes, long wantedStartBytes, int wantedId, Collection<Integer> contextIds) {
        super(Command.BLOCK_STATUS, offsetBytes, lengthBytes);
        this.wantedStartBytes = wantedStartBytes;
        this.wantedId = wantedId;
        this.missingIds = new HashSet<>(contextIds);
    }

    /** Extents received, from the request's offset on. */
    int extents() {
        return extents;
    }

    long extentBytes(int index) {
        return Integer.toUnsignedLong(lengthsAndFlags[2 * index]);
    }

    int flags(int index) {
        return lengthsAndFlags[2 * index + 1];
    }

    @Override
    void receiveSimple(Wire wire) throws NbdProtocolException {
        throw wire.fault("a reply without extents to " + this);
    }

    @Override
    void receiveChunk(int type, long payloadBytes, Wire wire) throws IOException {
        if (type != BLOCK_STATUS) {
            throw wire.fault("a chunk of type %d in reply to %s".formatted(type, this));
        }
        long count = (payloadBytes - ID_BYTES) / DESCRIPTOR_BYTES;
        if (payloadBytes != ID_BYTES + count * DESCRIPTOR_BYTES || count < 1 || count > MOST_EXTENTS) {
            throw wire.fault("a block status chunk of %d bytes in reply to %s".formatted(payloadBytes, this));
        }
        int id = wire.i32();
        if (!missingIds.remove(id)) {
            throw wire.fault(
                    "a block status chunk for metadata context id %s, which was not asked for or has come before"
                            .formatted(Integer.toUnsignedString(id)));
        }
        for (int i = 0; i < count; i++) {
            int length = wire.i32();
            int flags = wire.i32();
            if (length == 0) {
                throw wire.fault("an extent of no bytes in reply to " + this);
            }
            if (id == wantedId) {
                add(length, flags);
            }
        }
    }

    @Override
    void requireWhole(Wire wire) throws NbdProtocolException {
        if (!missingIds.isEmpty()) {
            throw wire.fault("the reply to %s lacks %d metadata contexts".formatted(this, missingIds.size()));
        }
        long extentBytes = 0;
        for (int i = 0; i < extents; i++) {
            extentBytes += extentBytes(i);
        }
        if (extentBytes <= wantedStartBytes - offsetBytes()) {
            throw wire.fault("the extents in reply to %s end at or before %d".formatted(this, wantedStartBytes));
        }
    }

    /** Grows with what really arrives, not with what is announced. */
    private void add(int length, int flags) {
        if (2 * extents == lengthsAndFlags.length) {
            lengthsAndFlags = Arrays.copyOf(lengthsAndFlags, 4 * extents);
        }
        lengthsAndFlags[2 * extents] = length;
        lengthsAndFlags[2 * extents + 1] = flags;
        extents++;
    }
}
