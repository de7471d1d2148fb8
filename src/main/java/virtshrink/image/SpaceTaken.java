package virtshrink.image;

import virtshrink.os.FileStatus;

/**
 * What a file takes.
 *
 * @param fileBytes its length
 * @param allocatedBytes what the host's filesystem has allocated for it
 */
public record SpaceTaken(long fileBytes, long allocatedBytes) {
    static SpaceTaken of(FileStatus status) {
        return new SpaceTaken(status.sizeBytes(), status.allocatedBytes());
    }
}
