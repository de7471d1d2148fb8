package virtshrink.filesystem;

import java.util.Optional;
import virtshrink.block.RangeSet;

/** Whether a filesystem's free space is proven, and if not, why. */
public sealed interface FilesystemState {
    /** Free space is proven: every checksum and every redundant count agrees. */
    record FreeSpace(long freeBytes, RangeSet free, Optional<String> replayed, boolean marksUse)
            implements FilesystemState {
        /**
         * What is free, and how sure it is.
         *
         * @param freeBytes exactly what the filesystem's own tool reports
         * @param free from the start of the volume; never larger than {@code freeBytes}, smaller where short ranges were forgotten to
         *     bound memory or bytes are excluded for safety
         * @param replayed that a journal was replayed in memory to tell, and how much of it; the guest did not finish then, and what it
         *     keeps elsewhere is to be treated as beside a {@link Dirty} filesystem
         * @param marksUse whether every driver would have left a mark here if it had the filesystem mounted; where not, it shares the fate
         *     of the other filesystems of its guest
         */
        public FreeSpace {
            if (free.totalBytes() > freeBytes) {
                throw new IllegalArgumentException(
                        "free ranges of " + free.totalBytes() + " bytes exceed " + freeBytes);
            }
        }

        /** Of a filesystem that was clean. */
        public FreeSpace(long freeBytes, RangeSet free) {
            this(freeBytes, free, Optional.empty());
        }

        /** Of a filesystem that marks its use. */
        public FreeSpace(long freeBytes, RangeSet free, Optional<String> replayed) {
            this(freeBytes, free, replayed, true);
        }
    }

    /** In use by a guest that did not finish: journal to be replayed, mounted state, error flag. */
    record Dirty(String reason) implements FilesystemState {}

    /** A suspended guest keeps part of all its filesystems in memory: the whole disk, and the whole domain, is left alone. */
    record Hibernated(String reason) implements FilesystemState {}

    /**
     * Recognised, and left alone: a format or feature without support.
     *
     * @param closed whether it is known all the same that nobody has it open for writing, a suspended guest included
     */
    record Unsupported(String reason, boolean closed) implements FilesystemState {
        /** One of which nothing more is known. */
        public Unsupported(String reason) {
            this(reason, false);
        }
    }

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
