package virtshrink.image;

import java.nio.file.Path;
import java.util.Optional;
import virtshrink.os.Errno;
import virtshrink.os.FileStatus;
import virtshrink.os.OsException;

/**
 * Which file it is and whether anybody has written to it since: as {@code stat(2)} says it.
 *
 * @param device and inode as bits
 */
public record FileStamp(long device, long inode, long sizeBytes, long mtimeSeconds, int mtimeNanos) {
    static FileStamp of(FileStatus status) {
        return new FileStamp(
                status.device(), status.inode(), status.sizeBytes(), status.mtimeSeconds(), status.mtimeNanos());
    }

    /** Of what has that name itself, a symbolic link not followed; empty if nothing has. */
    public static Optional<FileStamp> of(Path file) throws OsException {
        return status(file).map(FileStamp::of);
    }

    /** As {@link #of(Path)}, and more of it. */
    static Optional<FileStatus> status(Path file) throws OsException {
        try {
            return Optional.of(FileStatus.ofLink(file));
        } catch (OsException problem) {
            if (problem.is(Errno.ENOENT)) {
                return Optional.empty();
            }
            throw problem;
        }
    }

    /** Whether both are of one file, written to in between or not. */
    public boolean sameFile(FileStamp other) {
        return device == other.device && inode == other.inode;
    }

    /** Whether length and time of last modification are the same, of whichever files; a run gives its new file the original's time. */
    public boolean sameTime(FileStamp other) {
        return mtimeSeconds == other.mtimeSeconds && mtimeNanos == other.mtimeNanos;
    }
}
