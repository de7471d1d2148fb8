package virtshrink.filesystem.xfs;

import static virtshrink.filesystem.xfs.XfsAgHeaders.require;

import virtshrink.block.StructureBytes;

/**
 * Free space of an allocation group ({@code xfs_agf}).
 *
 * @param bnoRoot {@code agf_roots[0]}: root of the tree of free extents by block
 * @param cntRoot {@code agf_roots[1]}: by length
 * @param rmapRoot {@code agf_roots[2]}: of the reverse mappings
 * @param flfirst {@code agf_flfirst}: first entry of the free list in use
 * @param fllast {@code agf_fllast}: last entry in use
 * @param flcount {@code agf_flcount}: entries in use
 * @param freeblks {@code agf_freeblks}: blocks in all free extents
 * @param longest {@code agf_longest}: blocks in the longest
 * @param btreeblks {@code agf_btreeblks}: blocks of the trees, roots not counted
 */
record XfsAgf(
        long bnoRoot,
        long cntRoot,
        long rmapRoot,
        long bnoLevels,
        long cntLevels,
        long rmapLevels,
        long flfirst,
        long fllast,
        long flcount,
        long freeblks,
        long longest,
        long btreeblks,
        long rmapBlocks,
        long refcountBlocks,
        long refcountRoot,
        long refcountLevels) {
    static final String STRUCTURE = "xfs_agf";
    static final int CRC_AT = 216;
    private static final int MAGIC = 0x58414746;
    private static final int UUID_AT = 64;
    private static final int LSN_AT = 208;

    static XfsAgf parse(StructureBytes bytes, XfsGeometry geometry, int group, XfsLsn logEnd) {
        long versionnum = bytes.u32be(4);
        long seqno = bytes.u32be(8);
        long length = bytes.u32be(12);
        XfsAgf agf = new XfsAgf(
                bytes.u32be(16),
                bytes.u32be(20),
                bytes.u32be(24),
                bytes.u32be(28),
                bytes.u32be(32),
                bytes.u32be(36),
                bytes.u32be(40),
                bytes.u32be(44),
                bytes.u32be(48),
                bytes.u32be(52),
                bytes.u32be(56),
                bytes.u32be(60),
                bytes.u32be(80),
                bytes.u32be(84),
                bytes.u32be(88),
                bytes.u32be(92));

        XfsAgHeaders.verify(bytes, geometry, MAGIC, CRC_AT, UUID_AT, LSN_AT, logEnd);
        XfsAgHeaders.verifyPlace(bytes, geometry, group, versionnum, seqno, length);
        require(
                agf.longest <= agf.freeblks && agf.freeblks <= length && agf.btreeblks <= length,
                bytes,
                52,
                () -> "%d free blocks, %d of them in the longest extent, %d blocks of trees, in a group of %d"
                        .formatted(agf.freeblks, agf.longest, agf.btreeblks, length));
        return agf;
    }
}
