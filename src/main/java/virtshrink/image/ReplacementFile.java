package virtshrink.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import virtshrink.os.Errno;
import virtshrink.os.FileStatus;
import virtshrink.os.FileSystemType;
import virtshrink.os.OpenFile;
import virtshrink.os.OsException;

/**
 * A file that a run makes beside an image: 0600 from its first moment, its descriptor kept open since creation so that no write error of
 * the disk goes unnoticed, held by {@code flock} so that nobody takes it for a leftover, and removed on close unless it was given away.
 *
 * <p>Not thread-safe, except that {@link #sync()} may run beside readers of the file.
 */
public final class ReplacementFile implements AutoCloseable {
    private final OpenFile file;
    private Path path;
    private boolean givenAway;

    private ReplacementFile(OpenFile file) {
        this.file = file;
        this.path = file.path();
    }

    static ReplacementFile create(Path path) throws IOException {
        OpenFile file = OpenFile.createExclusive(path, 0600);
        ReplacementFile replacement = new ReplacementFile(file);
        try {
            if (!FileSystemType.of(path).sharedBetweenHosts() && !file.tryExclusiveFlock()) {
                throw new IOException(path + " is locked by another process the moment it is created");
            }
            return replacement;
        } catch (IOException | RuntimeException problem) {
            replacement.close();
            throw problem;
        }
    }

    public Path path() {
        return path;
    }

    OpenFile file() {
        return file;
    }

    /** What the file takes now. */
    public SpaceTaken spaceTaken() throws IOException {
        return SpaceTaken.of(file.status());
    }

    private boolean leadsHere() throws IOException {
        try {
            return FileStatus.ofLink(path).identity().equals(file.status().identity());
        } catch (OsException problem) {
            if (problem.is(Errno.ENOENT)) {
                return false;
            }
            throw problem;
        }
    }

    /** Whether the name still leads to this file: nobody has taken it for a leftover or put another one there. */
    void requireInPlace() throws IOException {
        if (!leadsHere()) {
            throw new IOException(path + " was replaced by another file while it was being written");
        }
    }

    /** Content and attributes are on the disk when this returns. */
    public void sync() throws IOException {
        file.sync();
    }

    /** Cuts the file to a length, such as that of an original that ends in mid-sector. */
    public void truncate(long lengthBytes) throws IOException {
        file.content().truncate(lengthBytes);
    }

    /** The file has been renamed: this name is what {@link #close} removes. */
    void nowAt(Path newPath) {
        path = newPath;
    }

    /** The file stands where it belongs: {@link #close} only closes. */
    void giveAway() {
        givenAway = true;
    }

    @Override
    public void close() throws IOException {
        try {
            // In the middle of an exchange that could not be undone the name leads to the original.
            if (!givenAway && leadsHere()) {
                Files.deleteIfExists(path);
            }
        } finally {
            file.close();
        }
    }
}
