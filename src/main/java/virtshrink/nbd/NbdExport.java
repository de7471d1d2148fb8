package virtshrink.nbd;

import java.util.Map;

/**
 * What the handshake agreed on.
 *
 * @param sizeBytes size of the export
 * @param flags the transmission flags
 * @param structured whether replies come in structured chunks
 * @param contexts the identifiers that the server gave to the metadata contexts it serves, by name
 */
record NbdExport(long sizeBytes, int flags, NbdLimits limits, boolean structured, Map<String, Integer> contexts) {
    static final int FLAG_HAS_FLAGS = 1;
    static final int FLAG_READ_ONLY = 1 << 1;
    static final int FLAG_SEND_FLUSH = 1 << 2;
    static final int FLAG_SEND_TRIM = 1 << 5;
    static final int FLAG_SEND_WRITE_ZEROES = 1 << 6;
    static final int FLAG_CAN_MULTI_CONN = 1 << 8;

    NbdExport {
        contexts = Map.copyOf(contexts);
    }

    boolean has(int flag) {
        return (flags & flag) != 0;
    }
}
