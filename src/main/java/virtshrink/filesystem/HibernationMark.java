package virtshrink.filesystem;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** What a hibernated Linux leaves in the first page of a swap area, be that a partition or a file. */
public final class HibernationMark {
    /** The mark is the last thing in the page, in the place of the swap area's own; how large a page is depends on the guest's machine. */
    public static final List<Integer> PAGE_BYTES = List.of(4096, 8192, 16384, 32768, 65536);

    /** Bytes of the mark at the end of the page. */
    public static final int LENGTH_BYTES = 10;

    /** The kernel and its out-of-tree and user-space rivals wrote different ones. */
    private static final List<String> AT_END = List.of("S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001");
    /** TuxOnIce overwrites the beginning and keeps the swap magic. */
    private static final byte[] TUX_ON_ICE = {
        (byte) 0xED, (byte) 0xC3, 0x02, (byte) 0xE9, (byte) 0x98, 0x56, (byte) 0xE5, 0x0C
    };

    private HibernationMark() {}

    /**
     * The mark's name, if the bytes are one.
     *
     * @param end the last {@link #LENGTH_BYTES} of a page
     */
    public static Optional<String> atEnd(byte[] end) {
        return AT_END.stream()
                .filter(mark -> Arrays.equals(end, 0, mark.length(), mark.getBytes(US_ASCII), 0, mark.length()))
                .findFirst();
    }

    /**
     * The mark's name, if the bytes are one.
     *
     * @param start the first {@link #LENGTH_BYTES} of a page
     */
    public static Optional<String> atStart(byte[] start) {
        return Arrays.equals(start, 0, TUX_ON_ICE.length, TUX_ON_ICE, 0, TUX_ON_ICE.length)
                ? Optional.of("TuxOnIce")
                : Optional.empty();
    }
}
