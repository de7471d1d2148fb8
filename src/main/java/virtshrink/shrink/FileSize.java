package virtshrink.shrink;

import virtshrink.image.SpaceTaken;

/**
 * What a file takes.
 *
 * @param fileBytes its length
 * @param allocatedBytes what the host's filesystem has allocated for it ({@code st_blocks * 512})
 */
public record FileSize(long fileBytes, long allocatedBytes) {
    public static final FileSize NONE = new FileSize(0, 0);

    static FileSize of(SpaceTaken taken) {
        return new FileSize(taken.fileBytes(), taken.allocatedBytes());
    }
}
