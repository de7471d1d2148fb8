package virtshrink.filesystem.btrfs;

import java.util.Map;
import java.util.Optional;

/**
 * The feature words of the superblock that a reader has to know. Of {@code compat_flags} no bit was ever defined.
 *
 * @param incompat {@code incompat_flags}
 * @param compatRo {@code compat_ro_flags}
 */
record BtrfsFeatures(long incompat, long compatRo) {
    static final int INCOMPAT_MIXED_BACKREF = 0x1;
    static final int INCOMPAT_MIXED_GROUPS = 0x4;
    static final int INCOMPAT_SKINNY_METADATA = 0x100;
    static final int INCOMPAT_METADATA_UUID = 0x400;

    static final int COMPAT_RO_FREE_SPACE_TREE = 0x1;
    static final int COMPAT_RO_FREE_SPACE_TREE_VALID = 0x2;
    static final int COMPAT_RO_BLOCK_GROUP_TREE = 0x8;

    /**
     * mixed_backref, default_subvol, mixed_groups, compress_lzo, compress_zstd, big_metadata, extended_iref, raid56, skinny_metadata,
     * no_holes, metadata_uuid, raid1c34 and simple_quota. That a filesystem once had a chunk of a RAID profile leaves the bit behind; the
     * chunks themselves are judged by their own profile.
     */
    private static final long SUPPORTED_INCOMPAT = 0xFFF | 0x10000;

    /** free_space_tree, free_space_tree_valid, verity and block_group_tree. */
    private static final long SUPPORTED_COMPAT_RO = 0xF;

    private static final Map<Long, String> REFUSED_INCOMPAT =
            Map.of(0x1000L, "zoned", 0x2000L, "extent_tree_v2", 0x4000L, "raid_stripe_tree", 0x20000L, "remap_tree");

    boolean hasIncompat(int bit) {
        return (incompat & bit) != 0;
    }

    boolean hasCompatRo(int bit) {
        return (compatRo & bit) != 0;
    }

    /** Whether the free space tree is there and says what the extent tree says; software that does not know it may clear the second bit. */
    boolean hasValidFreeSpaceTree() {
        return hasCompatRo(COMPAT_RO_FREE_SPACE_TREE) && hasCompatRo(COMPAT_RO_FREE_SPACE_TREE_VALID);
    }

    /** Names the first feature that is not supported. */
    Optional<String> whyUnsupported() {
        long incompatLeft = incompat & ~SUPPORTED_INCOMPAT;
        if (incompatLeft != 0) {
            return Optional.of(unsupported("incompat", incompatLeft, REFUSED_INCOMPAT));
        }
        long compatRoLeft = compatRo & ~SUPPORTED_COMPAT_RO;
        if (compatRoLeft != 0) {
            return Optional.of(unsupported("compat_ro", compatRoLeft, Map.of()));
        }
        return hasIncompat(INCOMPAT_MIXED_BACKREF)
                ? Optional.empty()
                : Optional.of(
                        "extent references in the form of Linux before 2.6.31 (no mixed_backref) are not supported");
    }

    private static String unsupported(String word, long bits, Map<Long, String> names) {
        long bit = Long.lowestOneBit(bits);
        return names.containsKey(bit)
                ? "feature %s (%s bit 0x%x) is not supported".formatted(names.get(bit), word, bit)
                : "unknown feature: %s bit 0x%x".formatted(word, bit);
    }
}
