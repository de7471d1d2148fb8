package virtshrink.filesystem.ntfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.StructureBytes;

/**
 * {@code $LogFile}: whether Windows has finished with it.
 *
 * <p>Its first two pages are restart pages, the same but for their update sequence once the volume is dismounted. A log full of 0xFF is
 * empty: so do formatting and all drivers other than Windows' own leave it.
 *
 * @param empty whether it holds nothing at all; then nothing tells whether the volume was mounted elsewhere than in Windows
 */
record LogFile(boolean empty, Optional<String> whyDirty) {
    private static final String STRUCTURE = "$LogFile";
    private static final int MOST_PAGE_BYTES = 64 << 10;
    /** Both restart pages and the log page behind them, whatever the page size. */
    private static final int HEAD_BYTES = 2 * MOST_PAGE_BYTES + 4096;

    /** @throws CorruptStructureException if it is neither empty nor begins with two restart pages */
    static LogFile read(MasterFileTable mft, AttributeStream log) throws IOException {
        if (log.isResident() || log.isCompressedOrEncrypted() || log.isSparse()) {
            throw new CorruptStructureException(STRUCTURE, 0, "not a plain file");
        }
        ByteBuffer head = mft.read(log, 0, (int) Math.min(HEAD_BYTES, log.dataBytes() / 8 * 8));
        if (isEmpty(head)) {
            return new LogFile(true, Optional.empty());
        }
        StructureBytes start = new StructureBytes(STRUCTURE, 0, head.slice(0, Math.min(64, head.limit())));
        int pageBytes = RestartPage.systemPageBytes(start);
        if (pageBytes * 2 > head.limit()) {
            throw start.corrupt(0x10, "restart pages of %d bytes in %d".formatted(pageBytes, head.limit()));
        }
        RestartPage first = RestartPage.parse(head.slice(0, pageBytes), 0);
        RestartPage second = RestartPage.parse(head.slice(pageBytes, pageBytes), pageBytes);
        Optional<String> dirty = first.whyDirty().or(second::whyDirty);
        if (dirty.isEmpty() && !first.isSameAs(second)) {
            dirty = Optional.of("the two restart pages of the log differ: the last dismount was not finished; "
                    + "start the guest and shut it down");
        }
        return new LogFile(false, dirty);
    }

    private static boolean isEmpty(ByteBuffer head) {
        int at = 0;
        while (at <= head.limit() - Long.BYTES) {
            if (head.getLong(at) != -1) {
                return false;
            }
            at += Long.BYTES;
        }
        return head.limit() > 0 && at == head.limit();
    }
}
