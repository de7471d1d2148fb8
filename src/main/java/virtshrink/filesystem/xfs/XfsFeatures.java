package virtshrink.filesystem.xfs;

import java.util.Map;
import java.util.Optional;

/**
 * The superblock's feature words.
 *
 * @param versionnum {@code sb_versionnum}: the version in the low four bits, features of version 4 in the others
 * @param features2 {@code sb_features2}: more features of version 4
 * @param compat {@code sb_features_compat}, 0 before version 5, as are the following
 * @param roCompat {@code sb_features_ro_compat}
 * @param incompat {@code sb_features_incompat}
 * @param logIncompat {@code sb_features_log_incompat}
 */
record XfsFeatures(int versionnum, long features2, long compat, long roCompat, long incompat, long logIncompat) {
    private static final int VERSION_BITS = 0xf;
    static final int VERSION_5 = 5;
    private static final int VERSION_4 = 4;

    private static final int NLINK = 0x20;
    private static final int ALIGN = 0x80;
    static final int DALIGN = 0x100;
    private static final int SHARED = 0x200;
    private static final int LOGV2 = 0x400;
    static final int SECTOR = 0x800;
    private static final int EXTFLG = 0x1000;
    private static final int DIRV2 = 0x2000;
    private static final int MOREBITS = 0x8000;

    private static final int FEATURES2_LAZYSBCOUNT = 0x2;
    private static final int FEATURES2_ATTR2 = 0x8;
    private static final int FEATURES2_PROJID32 = 0x80;
    private static final int FEATURES2_CRC = 0x100;
    private static final int FEATURES2_FTYPE = 0x200;
    private static final long SUPPORTED_FEATURES2 =
            FEATURES2_LAZYSBCOUNT | FEATURES2_ATTR2 | FEATURES2_PROJID32 | FEATURES2_FTYPE;

    /** What every version 5 must have of version 4's features. */
    private static final int VERSION_5_NEEDS = NLINK | ALIGN | LOGV2 | EXTFLG | DIRV2 | MOREBITS;

    private static final long VERSION_5_NEEDS_FEATURES2 =
            FEATURES2_LAZYSBCOUNT | FEATURES2_ATTR2 | FEATURES2_PROJID32 | FEATURES2_CRC;

    static final int RO_COMPAT_FINOBT = 0x1;
    static final int RO_COMPAT_RMAPBT = 0x2;
    static final int RO_COMPAT_REFLINK = 0x4;
    static final int RO_COMPAT_INOBTCNT = 0x8;
    private static final long SUPPORTED_RO_COMPAT =
            RO_COMPAT_FINOBT | RO_COMPAT_RMAPBT | RO_COMPAT_REFLINK | RO_COMPAT_INOBTCNT;

    private static final int INCOMPAT_FTYPE = 0x1;
    static final int INCOMPAT_SPINODES = 0x2;
    static final int INCOMPAT_META_UUID = 0x4;
    private static final int INCOMPAT_BIGTIME = 0x8;
    private static final int INCOMPAT_NEEDSREPAIR = 0x10;
    private static final int INCOMPAT_NREXT64 = 0x20;
    private static final int INCOMPAT_EXCHRANGE = 0x40;
    private static final int INCOMPAT_PARENT = 0x80;
    /** {@code EXCHRANGE} and {@code PARENT} change what the log and attributes may hold, never who owns a block. */
    private static final long SUPPORTED_INCOMPAT = INCOMPAT_FTYPE
            | INCOMPAT_SPINODES
            | INCOMPAT_META_UUID
            | INCOMPAT_BIGTIME
            | INCOMPAT_NEEDSREPAIR
            | INCOMPAT_NREXT64
            | INCOMPAT_EXCHRANGE
            | INCOMPAT_PARENT;

    private static final Map<Long, String> REFUSED_INCOMPAT =
            Map.of(0x100L, "metadir", 0x200L, "zoned", 0x400L, "zone gaps");

    int version() {
        return versionnum & VERSION_BITS;
    }

    /** Whether metadata carries checksums, owners and the filesystem's UUID. */
    boolean isV5() {
        return version() == VERSION_5;
    }

    boolean has(int versionBit) {
        return (versionnum & versionBit) != 0;
    }

    boolean hasRoCompat(int bit) {
        return isV5() && (roCompat & bit) != 0;
    }

    boolean hasIncompat(int bit) {
        return isV5() && (incompat & bit) != 0;
    }

    /** Whether records of the log may be longer than 32 KiB. */
    boolean hasLogV2() {
        return has(LOGV2);
    }

    /** Whether each group counts the blocks of its free-space trees. */
    boolean hasLazyCounters() {
        return has(MOREBITS) && (features2 & FEATURES2_LAZYSBCOUNT) != 0;
    }

    /** Why a guest, or {@code xfs_repair}, is not done with this filesystem. */
    Optional<String> whyDirty() {
        if (hasIncompat(INCOMPAT_NEEDSREPAIR)) {
            return Optional.of("marked as needing repair: run xfs_repair on it");
        } else if (isV5() && logIncompat != 0) {
            return Optional.of(
                    "features are in use in the log (log_incompat 0x%x): not cleanly unmounted".formatted(logIncompat));
        }
        return Optional.empty();
    }

    /** Names the first feature that is not supported. */
    Optional<String> whyUnsupported() {
        if (version() != VERSION_4 && version() != VERSION_5) {
            return Optional.of("version %d of the format".formatted(version()));
        } else if (has(SHARED)) {
            return Optional.of("feature shared (versionnum bit 0x%x) is not supported".formatted(SHARED));
        } else if (!has(DIRV2) || !has(EXTFLG)) {
            return Optional.of("directories of version 1, or no unwritten extents: too old a format");
        }
        return isV5() ? whyUnsupportedV5() : whyUnsupportedV4();
    }

    private Optional<String> whyUnsupportedV4() {
        return has(MOREBITS)
                ? firstUnsupported("features2", features2 & ~SUPPORTED_FEATURES2, Map.of())
                : Optional.empty();
    }

    private Optional<String> whyUnsupportedV5() {
        if ((versionnum & VERSION_5_NEEDS) != VERSION_5_NEEDS
                || (features2 & VERSION_5_NEEDS_FEATURES2) != VERSION_5_NEEDS_FEATURES2) {
            return Optional.of("version 5 without what every version 5 has (versionnum 0x%x, features2 0x%x)"
                    .formatted(versionnum, features2));
        }
        return firstUnsupported("incompat", incompat & ~SUPPORTED_INCOMPAT, REFUSED_INCOMPAT)
                .or(() -> firstUnsupported("ro_compat", roCompat & ~SUPPORTED_RO_COMPAT, Map.of()))
                // Compatible features promise that whoever does not know them may still write; xfs_repair refuses
                // unknown
                // ones all the same, and so do we.
                .or(() -> firstUnsupported("compat", compat, Map.of()))
                .or(() -> firstUnsupported("features2", features2 & ~(SUPPORTED_FEATURES2 | FEATURES2_CRC), Map.of()));
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
