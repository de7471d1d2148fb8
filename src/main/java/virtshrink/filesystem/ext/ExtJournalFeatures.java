package virtshrink.filesystem.ext;

import java.util.Optional;

/**
 * The three feature words of a jbd2 superblock; all zero in version 1 of it.
 *
 * @param compat {@code s_feature_compat}
 * @param incompat {@code s_feature_incompat}
 * @param roCompat {@code s_feature_ro_compat}
 */
record ExtJournalFeatures(long compat, long incompat, long roCompat) {
    private static final int COMPAT_CHECKSUM = 0x1;

    private static final int INCOMPAT_REVOKE = 0x1;
    private static final int INCOMPAT_64BIT = 0x2;
    private static final int INCOMPAT_ASYNC_COMMIT = 0x4;
    private static final int INCOMPAT_CSUM_V2 = 0x8;
    private static final int INCOMPAT_CSUM_V3 = 0x10;
    private static final int INCOMPAT_FAST_COMMIT = 0x20;

    private static final long REPLAYABLE_INCOMPAT =
            INCOMPAT_REVOKE | INCOMPAT_64BIT | INCOMPAT_ASYNC_COMMIT | INCOMPAT_CSUM_V2 | INCOMPAT_CSUM_V3;

    /** Whether one crc32 in the commit block covers the transaction's descriptors and blocks. */
    boolean hasTransactionChecksum() {
        return (compat & COMPAT_CHECKSUM) != 0;
    }

    /** Whether every block of the log carries a crc32c of its own: in its tail, or in the tag of a logged block. */
    boolean hasBlockChecksums() {
        return (incompat & (INCOMPAT_CSUM_V2 | INCOMPAT_CSUM_V3)) != 0;
    }

    boolean hasVersion3Tags() {
        return (incompat & INCOMPAT_CSUM_V3) != 0;
    }

    boolean hasWideBlockNumbers() {
        return (incompat & INCOMPAT_64BIT) != 0;
    }

    /** Whether a commit block may reach the disk before the blocks it commits. */
    boolean hasAsyncCommit() {
        return (incompat & INCOMPAT_ASYNC_COMMIT) != 0;
    }

    /** Bytes of a tag in a descriptor block, without the UUID that may follow. */
    int tagBytes() {
        if (hasVersion3Tags()) {
            return 16;
        }
        return 8 + (hasBlockChecksums() ? 2 : 0) + (hasWideBlockNumbers() ? 4 : 0);
    }

    /** Names what forbids to say how the log would be replayed. */
    Optional<String> whyNotReplayable() {
        if ((incompat & INCOMPAT_FAST_COMMIT) != 0) {
            return Optional.of("it has fast commits, which are not supported");
        } else if ((incompat & ~REPLAYABLE_INCOMPAT) != 0) {
            return Optional.of(
                    "unknown feature: incompat bit 0x%x".formatted(Long.lowestOneBit(incompat & ~REPLAYABLE_INCOMPAT)));
        } else if (roCompat != 0) {
            return Optional.of("unknown feature: ro_compat bit 0x%x".formatted(Long.lowestOneBit(roCompat)));
        } else if ((compat & ~COMPAT_CHECKSUM) != 0) {
            return Optional.of(
                    "unknown feature: compat bit 0x%x".formatted(Long.lowestOneBit(compat & ~COMPAT_CHECKSUM)));
        }
        int kinds =
                Long.bitCount(incompat & (INCOMPAT_CSUM_V2 | INCOMPAT_CSUM_V3)) + (hasTransactionChecksum() ? 1 : 0);
        return kinds > 1 ? Optional.of("it declares several kinds of checksum at once") : Optional.empty();
    }
}
