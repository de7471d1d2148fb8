package virtshrink.filesystem.ntfs;

import java.nio.ByteBuffer;
import java.util.Optional;
import virtshrink.block.StructureBytes;

/**
 * {@code LFS_RESTART_PAGE_HEADER} and {@code LFS_RESTART_AREA}: where the log ends, and whether anybody still writes to it.
 *
 * @param currentLsn {@code CurrentLsn}: the last log sequence number when the page was written
 * @param clientInUse {@code ClientInUseList}: the first client that has the log open, or {@link #NO_CLIENT}
 * @param flags {@link #CLEAN_DISMOUNT} and others
 */
record RestartPage(boolean changedByChkdsk, int major, int minor, long currentLsn, int clientInUse, int flags) {
    private static final String STRUCTURE = "LFS_RESTART_PAGE_HEADER";
    private static final int RSTR = 0x52545352;
    private static final int CHKD = 0x444B4843;
    private static final int NO_CLIENT = 0xFFFF;
    private static final int CLEAN_DISMOUNT = 0x0002;
    private static final int AREA_BYTES = 0x30;

    /** @param start the first 64 bytes of the log */
    static int systemPageBytes(StructureBytes start) {
        int magic = (int) start.u32le(0);
        long pageBytes = start.u32le(0x10);
        if (magic != RSTR && magic != CHKD) {
            throw start.corrupt(0, "the log is not empty and does not begin with a restart page");
        }
        if (pageBytes < UpdateSequence.STRIDE_BYTES || pageBytes > 64 << 10 || Long.bitCount(pageBytes) != 1) {
            throw start.corrupt(0x10, "restart pages of %d bytes".formatted(pageBytes));
        }
        return (int) pageBytes;
    }

    /**
     * @param page one whole page; changed
     * @param offsetBytes in the log
     */
    static RestartPage parse(ByteBuffer page, long offsetBytes) {
        StructureBytes raw = new StructureBytes(STRUCTURE, offsetBytes, page);
        int magic = (int) raw.u32le(0);
        if (magic != RSTR && magic != CHKD) {
            throw raw.corrupt(0, "not a restart page");
        }
        // Where chkdsk has changed the page, it may be without update sequence.
        if (magic == RSTR || raw.u16le(0x06) != 0) {
            UpdateSequence.apply(STRUCTURE, offsetBytes, page);
        }
        StructureBytes bytes = new StructureBytes(STRUCTURE, offsetBytes, page);
        long systemPageBytes = bytes.u32le(0x10);
        int area = bytes.u16le(0x18);
        int minor = (short) bytes.u16le(0x1A);
        int major = (short) bytes.u16le(0x1C);
        if (systemPageBytes != page.remaining()) {
            throw bytes.corrupt(
                    0x10, "restart page of %d bytes, expected %d".formatted(systemPageBytes, page.remaining()));
        }
        if (area % 8 != 0 || area > bytes.length() - AREA_BYTES) {
            throw bytes.corrupt(0x18, "restart area at %d".formatted(area));
        }
        long currentLsn = bytes.i64le(area);
        int logClients = bytes.u16le(area + 0x08);
        int clientFree = bytes.u16le(area + 0x0A);
        int clientInUse = bytes.u16le(area + 0x0C);
        int flags = bytes.u16le(area + 0x0E);
        if ((clientFree != NO_CLIENT && clientFree >= logClients)
                || (clientInUse != NO_CLIENT && clientInUse >= logClients)) {
            throw bytes.corrupt(
                    area + 0x0A, "log clients %d and %d of %d".formatted(clientFree, clientInUse, logClients));
        }
        return new RestartPage(magic == CHKD, major, minor, currentLsn, clientInUse, flags);
    }

    boolean isSameAs(RestartPage other) {
        return equals(other);
    }

    Optional<String> whyDirty() {
        if (changedByChkdsk) {
            return Optional.of(
                    "chkdsk has repaired it and Windows has not mounted it since: start the guest and shut it down");
        } else if (major == 2) {
            // Windows 8 and later go back to version 1.1 when they dismount for good.
            return Optional.of(
                    "Windows keeps part of it in memory: fast startup, hibernation, or not cleanly dismounted; "
                            + "in the guest: shutdown /s /t 0");
        } else if (major != 1 || minor != 1) {
            return Optional.of("log version %d.%d is not supported".formatted(major, minor));
        } else if (clientInUse != NO_CLIENT && (flags & CLEAN_DISMOUNT) == 0) {
            return Optional.of("the log is in use: not cleanly dismounted; in the guest: shutdown /s /t 0");
        }
        return Optional.empty();
    }
}
