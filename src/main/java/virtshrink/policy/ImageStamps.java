package virtshrink.policy;

import java.nio.file.Path;
import java.util.Optional;
import virtshrink.history.HistoryEntry.ImageStamp;
import virtshrink.os.FileStatus;
import virtshrink.os.OsException;

/** Takes the stamps by which the history knows images again. */
public final class ImageStamps {
    private ImageStamps() {}

    /** Empty if the file cannot be looked at; then nothing is remembered of it. */
    public static Optional<ImageStamp> of(Path image) {
        try {
            return Optional.of(of(FileStatus.of(image)));
        } catch (OsException notThere) {
            return Optional.empty();
        }
    }

    static ImageStamp of(FileStatus status) {
        return new ImageStamp(
                status.device(), status.inode(), status.sizeBytes(), status.mtimeSeconds(), status.mtimeNanos());
    }
}
