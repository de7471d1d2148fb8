package virtshrink.filesystem.xfs;

import java.util.UUID;
import java.util.function.Supplier;
import virtshrink.block.StructureBytes;

/** What AGF, AGI and AGFL have in common. */
final class XfsAgHeaders {
    private static final int VERSION = 1;

    private XfsAgHeaders() {}

    /**
     * Checks magic number and, in version 5, checksum, UUID and time of writing.
     *
     * @throws virtshrink.block.CorruptStructureException if one of them is wrong
     */
    static void verify(
            StructureBytes bytes, XfsGeometry geometry, int magic, int crcAt, int uuidAt, int lsnAt, XfsLsn logEnd) {
        require(
                bytes.u32be(0) == magic,
                bytes,
                0,
                () -> "magic number 0x%x, expected 0x%x".formatted(bytes.u32be(0), magic));
        if (!geometry.isV5()) {
            return;
        }
        XfsChecksum.verify(bytes, crcAt);
        UUID uuid = XfsSuperblock.uuid(bytes, uuidAt);
        require(
                uuid.equals(geometry.metaUuid()),
                bytes,
                uuidAt,
                () -> "belongs to filesystem %s, not to %s".formatted(uuid, geometry.metaUuid()));
        logEnd.verifyNotBefore(bytes, lsnAt);
    }

    /** Checks that the header is of the group in which it lies, and knows its length. */
    static void verifyPlace(
            StructureBytes bytes, XfsGeometry geometry, int group, long versionnum, long seqno, long length) {
        require(versionnum == VERSION, bytes, 4, () -> "unknown version %d".formatted(versionnum));
        require(seqno == group, bytes, 8, () -> "of group %d, in group %d".formatted(seqno, group));
        require(
                length == geometry.groupBlocks(group),
                bytes,
                12,
                () -> "%d blocks in group %d, the superblock says %d"
                        .formatted(length, group, geometry.groupBlocks(group)));
    }

    static void require(boolean condition, StructureBytes bytes, int at, Supplier<String> reason) {
        if (!condition) {
            throw bytes.corrupt(at, reason.get());
        }
    }
}
