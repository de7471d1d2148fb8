package virtshrink.filesystem.xfs;

/** The trees of an allocation group: their magic numbers, and what their blocks hold. */
enum XfsBtreeKind {
    /** Free extents by block. */
    BNO("bnobt", 0x41425442, 0x41423342, 8, 8, 4),
    /** Free extents by length. */
    CNT("cntbt", 0x41425443, 0x41423343, 8, 8, 8),
    /** Inode chunks. */
    INO("inobt", 0x49414254, 0x49414233, 16, 4, 4),
    /** Inode chunks with free inodes. */
    FINO("finobt", 0x46494254, 0x46494233, 16, 4, 4),
    /** Reverse mappings: each has a low and a high key. */
    RMAP("rmapbt", 0, 0x524d4233, 24, 40, 4),
    /** Blocks with several owners. */
    REFCOUNT("refcountbt", 0, 0x52334643, 12, 4, 4);

    final String title;
    private final int magicV4;
    private final int magicV5;
    final int recordBytes;
    final int keyBytes;
    /** So many bytes of a child's key are the first ones of its first record; of the rest kernels keep no exact copy. */
    final int comparedBytes;

    XfsBtreeKind(String title, int magicV4, int magicV5, int recordBytes, int keyBytes, int comparedBytes) {
        this.title = title;
        this.magicV4 = magicV4;
        this.magicV5 = magicV5;
        this.recordBytes = recordBytes;
        this.keyBytes = keyBytes;
        this.comparedBytes = comparedBytes;
    }

    int magic(boolean v5) {
        return v5 ? magicV5 : magicV4;
    }
}
