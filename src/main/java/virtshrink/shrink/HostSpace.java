package virtshrink.shrink;

import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import virtshrink.image.ImageRefusedException;

/** Whether the host has room for the new file. */
final class HostSpace {
    /** Kept free for everybody else: five percent of the filesystem, but not more than this. */
    private static final long MOST_RESERVE_BYTES = 1L << 30;

    private HostSpace() {}

    /**
     * @param file that is to be made or replaced; absolute
     * @param neededBytes an upper bound of what the run writes
     * @throws ImageRefusedException with both figures if that would cut into the reserve
     */
    static void require(Path file, long neededBytes) throws IOException, ImageRefusedException {
        Path directory = file.resolveSibling(".").normalize();
        FileStore store = Files.getFileStore(directory);
        long reserve = Math.min(MOST_RESERVE_BYTES, store.getTotalSpace() / 20);
        long usable = store.getUsableSpace();
        if (usable - reserve < neededBytes) {
            throw new ImageRefusedException(
                    ImageRefusedException.Kind.HOST_SPACE,
                    "too little space in %s: the new file may take %d MiB, %d MiB are free and %d MiB of them are kept in reserve"
                            .formatted(directory, mebibytes(neededBytes), usable >> 20, reserve >> 20));
        }
    }

    private static long mebibytes(long bytes) {
        return (bytes + (1 << 20) - 1) >> 20;
    }
}
