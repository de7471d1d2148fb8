package virtshrink.filesystem.ext;

import java.util.Map;
import java.util.Optional;

/**
 * The three feature words of the superblock.
 *
 * @param compat {@code s_feature_compat}
 * @param incompat {@code s_feature_incompat}
 * @param roCompat {@code s_feature_ro_compat}
 */
record ExtFeatures(long compat, long incompat, long roCompat) {
    static final int COMPAT_HAS_JOURNAL = 0x4;
    static final int COMPAT_SPARSE_SUPER2 = 0x200;
    static final int COMPAT_FAST_COMMIT = 0x400;

    static final int INCOMPAT_FILETYPE = 0x2;
    static final int INCOMPAT_RECOVER = 0x4;
    static final int INCOMPAT_JOURNAL_DEV = 0x8;
    static final int INCOMPAT_META_BG = 0x10;
    static final int INCOMPAT_EXTENTS = 0x40;
    static final int INCOMPAT_64BIT = 0x80;
    static final int INCOMPAT_MMP = 0x100;
    static final int INCOMPAT_FLEX_BG = 0x200;
    static final int INCOMPAT_EA_INODE = 0x400;
    static final int INCOMPAT_CSUM_SEED = 0x2000;
    static final int INCOMPAT_LARGEDIR = 0x4000;
    static final int INCOMPAT_INLINE_DATA = 0x8000;
    static final int INCOMPAT_ENCRYPT = 0x10000;
    static final int INCOMPAT_CASEFOLD = 0x20000;

    static final int RO_COMPAT_SPARSE_SUPER = 0x1;
    static final int RO_COMPAT_LARGE_FILE = 0x2;
    static final int RO_COMPAT_BTREE_DIR = 0x4;
    static final int RO_COMPAT_HUGE_FILE = 0x8;
    static final int RO_COMPAT_GDT_CSUM = 0x10;
    static final int RO_COMPAT_DIR_NLINK = 0x20;
    static final int RO_COMPAT_EXTRA_ISIZE = 0x40;
    static final int RO_COMPAT_QUOTA = 0x100;
    static final int RO_COMPAT_BIGALLOC = 0x200;
    static final int RO_COMPAT_METADATA_CSUM = 0x400;
    static final int RO_COMPAT_PROJECT = 0x2000;
    static final int RO_COMPAT_VERITY = 0x8000;
    static final int RO_COMPAT_ORPHAN_PRESENT = 0x10000;

    /**
     * Everything from {@code dir_prealloc} to {@code orphan_file}. Compatible features promise that whoever does not know them may still
     * write; e2fsck refuses unknown ones all the same, and so do we. {@code lazy_bg}, {@code exclude_inode} and {@code exclude_bitmap} were
     * never part of a released kernel.
     */
    private static final long SUPPORTED_COMPAT = 0x1fff & ~(0x40 | 0x80 | 0x100);

    private static final long SUPPORTED_INCOMPAT = INCOMPAT_FILETYPE
            | INCOMPAT_RECOVER
            | INCOMPAT_JOURNAL_DEV
            | INCOMPAT_META_BG
            | INCOMPAT_EXTENTS
            | INCOMPAT_64BIT
            | INCOMPAT_MMP
            | INCOMPAT_FLEX_BG
            | INCOMPAT_EA_INODE
            | INCOMPAT_CSUM_SEED
            | INCOMPAT_LARGEDIR
            | INCOMPAT_INLINE_DATA
            | INCOMPAT_ENCRYPT
            | INCOMPAT_CASEFOLD;

    private static final long SUPPORTED_RO_COMPAT = RO_COMPAT_SPARSE_SUPER
            | RO_COMPAT_LARGE_FILE
            | RO_COMPAT_BTREE_DIR
            | RO_COMPAT_HUGE_FILE
            | RO_COMPAT_GDT_CSUM
            | RO_COMPAT_DIR_NLINK
            | RO_COMPAT_EXTRA_ISIZE
            | RO_COMPAT_QUOTA
            | RO_COMPAT_BIGALLOC
            | RO_COMPAT_METADATA_CSUM
            | RO_COMPAT_PROJECT
            | RO_COMPAT_VERITY
            | RO_COMPAT_ORPHAN_PRESENT;

    private static final long LAYOUT_COMPAT = COMPAT_HAS_JOURNAL | COMPAT_SPARSE_SUPER2 | COMPAT_FAST_COMMIT;
    private static final long LAYOUT_INCOMPAT = INCOMPAT_JOURNAL_DEV
            | INCOMPAT_META_BG
            | INCOMPAT_64BIT
            | INCOMPAT_MMP
            | INCOMPAT_FLEX_BG
            | INCOMPAT_CSUM_SEED;
    private static final long LAYOUT_RO_COMPAT =
            RO_COMPAT_SPARSE_SUPER | RO_COMPAT_GDT_CSUM | RO_COMPAT_BIGALLOC | RO_COMPAT_METADATA_CSUM;

    /** What the ext2 and ext3 drivers ever supported; anything more makes it an ext4. */
    private static final long EXT3_INCOMPAT = INCOMPAT_FILETYPE | INCOMPAT_RECOVER | INCOMPAT_META_BG;

    private static final long EXT3_RO_COMPAT = RO_COMPAT_SPARSE_SUPER | RO_COMPAT_LARGE_FILE | RO_COMPAT_BTREE_DIR;

    private static final Map<Long, String> REFUSED_COMPAT =
            Map.of(0x40L, "lazy_bg", 0x80L, "exclude_inode", 0x100L, "exclude_bitmap");
    private static final Map<Long, String> REFUSED_INCOMPAT = Map.of(0x1L, "compression", 0x1000L, "dirdata");
    private static final Map<Long, String> REFUSED_RO_COMPAT =
            Map.of(0x80L, "has_snapshot", 0x800L, "replica", 0x1000L, "read-only", 0x4000L, "shared_blocks");

    boolean isEmpty() {
        return (compat | incompat | roCompat) == 0;
    }

    boolean hasCompat(int bit) {
        return (compat & bit) != 0;
    }

    boolean hasIncompat(int bit) {
        return (incompat & bit) != 0;
    }

    boolean hasRoCompat(int bit) {
        return (roCompat & bit) != 0;
    }

    /** Whether the other features say the same of where things lie; some of the rest are set while a filesystem is mounted. */
    boolean hasLayoutOf(ExtFeatures other) {
        return ((compat ^ other.compat) & LAYOUT_COMPAT) == 0
                && ((incompat ^ other.incompat) & LAYOUT_INCOMPAT) == 0
                && ((roCompat ^ other.roCompat) & LAYOUT_RO_COMPAT) == 0;
    }

    /** Whether group descriptors carry a checksum; only then do their {@code UNINIT} flags mean anything. */
    boolean hasDescriptorChecksums() {
        return hasRoCompat(RO_COMPAT_GDT_CSUM | RO_COMPAT_METADATA_CSUM);
    }

    /** Whether only ext4 understands these features. */
    boolean needExt4() {
        return (incompat & ~EXT3_INCOMPAT) != 0 || (roCompat & ~EXT3_RO_COMPAT) != 0;
    }

    /** Names the first feature that is not supported. */
    Optional<String> whyUnsupported() {
        return firstUnsupported("incompat", incompat & ~SUPPORTED_INCOMPAT, REFUSED_INCOMPAT)
                .or(() -> firstUnsupported("ro_compat", roCompat & ~SUPPORTED_RO_COMPAT, REFUSED_RO_COMPAT))
                .or(() -> firstUnsupported("compat", compat & ~SUPPORTED_COMPAT, REFUSED_COMPAT));
    }

    private static Optional<String> firstUnsupported(String word, long unsupported, Map<Long, String> names) {
        if (unsupported == 0) {
            return Optional.empty();
        }
        long bit = Long.lowestOneBit(unsupported);
        return Optional.of(
                names.containsKey(bit)
                        ? "feature %s (%s bit 0x%x) is not supported".formatted(names.get(bit), word, bit)
                        : "unknown feature: %s bit 0x%x".formatted(word, bit));
    }
}
