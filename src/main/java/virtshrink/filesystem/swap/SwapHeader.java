package virtshrink.filesystem.swap;

import static virtshrink.block.CorruptStructureException.verify;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.TreeSet;
import java.util.UUID;
import virtshrink.block.StructureBytes;

/**
 * The first page of a swap area: {@code union swap_header} of Linux, {@code include/linux/swap.h}; layout 1, magic {@code SWAPSPACE2}.
 *
 * @param lastPage the highest page number in use; page 0 is the header
 * @param badPages numbers of pages that are never used, ascending
 */
record SwapHeader(int pageBytes, long lastPage, TreeSet<Long> badPages, String uuid, String label) {
    private static final String STRUCTURE = "swap_header";
    private static final int VERSION = 1024;
    private static final int LAST_PAGE = 1028;
    private static final int NR_BADPAGES = 1032;
    private static final int SWS_UUID = 1036;
    private static final int SWS_VOLUME = 1052;
    private static final int PADDING = 1068;
    private static final int BADPAGES = 1536;
    static final int MAGIC_BYTES = 10;

    /** The version as written, for the caller to judge before the rest is parsed. */
    static long version(StructureBytes page) {
        return page.u32le(VERSION);
    }

    /** Whether bytes are in use that had no meaning when this was written. */
    static boolean hasUnknownFields(StructureBytes page) {
        return !page.matches(PADDING, new byte[BADPAGES - PADDING]);
    }

    /**
     * @param page the whole first page
     * @param volumeBytes size of the volume that must hold the area
     */
    static SwapHeader parse(StructureBytes page, long volumeBytes) {
        int pageBytes = page.length();
        long lastPage = page.u32le(LAST_PAGE);
        long nrBadpages = page.u32le(NR_BADPAGES);
        byte[] uuid = page.bytes(SWS_UUID, 16);
        String label = page.text(SWS_VOLUME, 16, StandardCharsets.UTF_8);

        verify(lastPage > 0, STRUCTURE, LAST_PAGE, "no pages");
        verify(
                lastPage < volumeBytes / pageBytes,
                STRUCTURE,
                LAST_PAGE,
                "%d pages of %d bytes expected, the volume has %d"
                        .formatted(lastPage + 1, pageBytes, volumeBytes / pageBytes));
        int mostBadPages = (pageBytes - MAGIC_BYTES - BADPAGES) / Integer.BYTES;
        verify(
                nrBadpages <= mostBadPages,
                STRUCTURE,
                NR_BADPAGES,
                "at most %d bad pages expected, %d found".formatted(mostBadPages, nrBadpages));
        TreeSet<Long> badPages = new TreeSet<>();
        for (int index = 0; index < nrBadpages; index++) {
            int at = BADPAGES + index * Integer.BYTES;
            long bad = page.u32le(at);
            verify(
                    bad > 0 && bad <= lastPage,
                    STRUCTURE,
                    at,
                    "bad page 1 to %d expected, %d found".formatted(lastPage, bad));
            badPages.add(bad);
        }
        return new SwapHeader(pageBytes, lastPage, badPages, uuidText(uuid), label);
    }

    private static String uuidText(byte[] uuid) {
        StructureBytes bytes = new StructureBytes("sws_uuid", SWS_UUID, ByteBuffer.wrap(uuid));
        long high = bytes.i64be(0);
        long low = bytes.i64be(8);
        return high == 0 && low == 0 ? "" : new UUID(high, low).toString();
    }
}
