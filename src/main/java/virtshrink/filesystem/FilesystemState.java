package virtshrink.filesystem;

import virtshrink.block.RangeSet;

/** Whether a filesystem's free space is proven, and if not, why. */
public sealed interface FilesystemState {
    /** Free space is proven: every checksum and every redundant count agrees. */
    record FreeSpace(long freeBytes, RangeSet free) implements FilesystemState {
        /**
         * @param freeBytes exactly what the filesystem's own tool reports
         * @param free from the start of the volume; never larger than {@code freeBytes}, smaller where short ranges were forgotten to
         *     bound memory or bytes are excluded for safety
         */
        public FreeSpace {
            if (free.totalBytes() > freeBytes) {
                throw new IllegalArgumentException(
                        "free ranges of " + free.totalBytes() + " bytes exceed " + freeBytes);
            }
        }
    }

    /** In use by a guest that did not finish: journal to be replayed, mounted state, error flag. */
    record Dirty(String reason) implements FilesystemState {}

    /** A suspended guest keeps part of all its filesystems in memory: the whole disk, and the whole domain, is left alone. */
    record Hibernated(String reason) implements FilesystemState {}

    /** Recognised, and left alone: a format or feature without support. */
    record Unsupported(String reason) implements FilesystemState {}

    /** Contradicts its specification. */
    record Corrupt(String reason) implements FilesystemState {}

    /** Why nothing is free here; empty for {@link FreeSpace}. */
    default String reasonText() {
        if (this instanceof Dirty dirty) {
            return dirty.reason();
        } else if (this instanceof Hibernated hibernated) {
            return hibernated.reason();
        } else if (this instanceof Unsupported unsupported) {
            return unsupported.reason();
        } else if (this instanceof Corrupt corrupt) {
            return corrupt.reason();
        }
        return "";
    }

    /** The state as the JSON contract spells it: {@code free-space}, {@code dirty}, {@code unsupported} or {@code corrupt}. */
    default String contractName() {
        if (this instanceof FreeSpace) {
            return "free-space";
        } else if (this instanceof Dirty || this instanceof Hibernated) {
            return "dirty";
        } else if (this instanceof Unsupported) {
            return "unsupported";
        }
        return "corrupt";
    }
}
