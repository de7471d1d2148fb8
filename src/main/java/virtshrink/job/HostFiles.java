package virtshrink.job;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import virtshrink.os.FileStatus;
import virtshrink.shrink.FileSize;

/** What files take on the host. */
public final class HostFiles {
    private HostFiles() {}

    /** The size of a file; of what it points to if it is a symbolic link. */
    public static FileSize sizeOf(Path file) throws IOException {
        FileStatus status = FileStatus.of(file);
        return new FileSize(status.sizeBytes(), status.allocatedBytes());
    }

    /** Likewise; empty where the file cannot be looked at, which is for others to complain about. */
    public static Optional<FileSize> sizeIfKnown(Path file) {
        try {
            return Optional.of(sizeOf(file));
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
