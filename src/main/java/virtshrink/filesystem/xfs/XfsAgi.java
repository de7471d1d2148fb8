package virtshrink.filesystem.xfs;

import static virtshrink.filesystem.xfs.XfsAgHeaders.require;

import virtshrink.block.StructureBytes;

/**
 * Inodes of an allocation group ({@code xfs_agi}).
 *
 * @param count {@code agi_count}: allocated inodes
 * @param root {@code agi_root}: root of the tree of inode chunks
 * @param freecount {@code agi_freecount}: of the allocated ones, those not in use
 * @param freeRoot {@code agi_free_root}: root of the tree of chunks with free inodes
 * @param iblocks {@code agi_iblocks}: blocks of the tree of chunks
 * @param fblocks {@code agi_fblocks}: blocks of the tree of chunks with free inodes
 */
record XfsAgi(
        long count,
        long root,
        long levels,
        long freecount,
        long freeRoot,
        long freeLevels,
        long iblocks,
        long fblocks) {
    static final String STRUCTURE = "xfs_agi";
    static final int CRC_AT = 312;
    private static final int MAGIC = 0x58414749;
    private static final int UUID_AT = 296;
    private static final int LSN_AT = 320;

    static XfsAgi parse(StructureBytes bytes, XfsGeometry geometry, int group, XfsLsn logEnd) {
        long versionnum = bytes.u32be(4);
        long seqno = bytes.u32be(8);
        long length = bytes.u32be(12);
        XfsAgi agi = new XfsAgi(
                bytes.u32be(16),
                bytes.u32be(20),
                bytes.u32be(24),
                bytes.u32be(28),
                bytes.u32be(328),
                bytes.u32be(332),
                bytes.u32be(336),
                bytes.u32be(340));

        XfsAgHeaders.verify(bytes, geometry, MAGIC, CRC_AT, UUID_AT, LSN_AT, logEnd);
        XfsAgHeaders.verifyPlace(bytes, geometry, group, versionnum, seqno, length);
        require(
                agi.freecount <= agi.count,
                bytes,
                28,
                () -> "%d of %d inodes are free".formatted(agi.freecount, agi.count));
        return agi;
    }
}
