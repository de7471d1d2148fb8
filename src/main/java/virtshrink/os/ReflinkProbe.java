package virtshrink.os;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;

/**
 * Finds out by doing it whether blocks of a file can be shared with a new one beside it. Asking the kind of filesystem is not enough: XFS
 * decides when it is made, and btrfs refuses between a NOCOW file and others.
 */
public final class ReflinkProbe {
    private static final long PROBE_BYTES = 64 * 1024;

    private ReflinkProbe() {}

    /**
     * Clones the first bytes of the original into a scratch file that has the same NOCOW flag, and removes that again.
     *
     * @param original a regular file; an empty one has nothing to share
     * @param scratch must not exist; decides the directory that is asked about
     * @throws IOException if the scratch file could not be made or removed, or cloning failed for a reason other than not being possible
     */
    public static boolean canClone(OpenFile original, Path scratch) throws IOException {
        long sizeBytes = original.status().sizeBytes();
        if (sizeBytes == 0) {
            return false;
        }
        try (OpenFile copy = OpenFile.createExclusive(scratch, 0600)) {
            try {
                alignNoCow(original, copy);
                copy.content().cloneRange(original, 0, Math.min(sizeBytes, PROBE_BYTES), 0);
                return true;
            } catch (OsException e) {
                if (e.isUnsupported() || e.is(Errno.EXDEV) || e.is(Errno.EPERM) || e.is(Errno.ETXTBSY)) {
                    return false;
                }
                throw e;
            } finally {
                Files.delete(scratch);
            }
        }
    }

    private static void alignNoCow(OpenFile original, OpenFile copy) throws OsException {
        OptionalInt wanted = original.inode().flags();
        OptionalInt present = copy.inode().flags();
        if (wanted.isPresent()
                && present.isPresent()
                && ((wanted.getAsInt() ^ present.getAsInt()) & InodeFlags.NOCOW) != 0) {
            copy.inode().setFlags(present.getAsInt() ^ InodeFlags.NOCOW);
        }
    }
}
