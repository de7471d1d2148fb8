package virtshrink.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import virtshrink.os.FileStatus;
import virtshrink.os.Renames;

/** Removes files that were kept for a time: only what was recorded, and only while nobody needs it. */
public final class KeptFile {
    private KeptFile() {}

    /** What became of a removal. */
    public sealed interface Removal {
        /** It is gone. */
        record Done(long allocatedBytes) implements Removal {}

        /** It was gone already. */
        record Missing() implements Removal {}

        /** It is still there. */
        record LeftAlone(String reason) implements Removal {}
    }

    /**
     * Removes the file, if it is still the one of that stamp, no other process has it open, and no image beside it stands on it.
     *
     * @param file absolute, in a directory with its symbolic links resolved
     */
    public static Removal remove(Path file, FileStamp recorded) throws IOException {
        Optional<FileStatus> found = FileStamp.status(file);
        if (found.isEmpty()) {
            return new Removal.Missing();
        }
        if (!found.get().regularFile() || !FileStamp.of(found.get()).equals(recorded)) {
            return new Removal.LeftAlone(file + " is not the file that was kept, or was written to since");
        }
        try {
            return remove(file, recorded, found.get());
        } catch (ImageRefusedException inUse) {
            return new Removal.LeftAlone(String.valueOf(inUse.getMessage()));
        }
    }

    private static Removal remove(Path file, FileStamp recorded, FileStatus found)
            throws IOException, ImageRefusedException {
        Dependents.requireNone(file, file, found.identity());
        try (ImageLock lock = ImageLock.acquire(file)) {
            if (lock.isOpenElsewhere().orElse(false)) {
                return new Removal.LeftAlone(file + " is open in another process");
            }
            if (!FileStamp.of(lock.recorded()).equals(recorded)
                    || !FileStamp.of(file).equals(Optional.of(recorded))) {
                return new Removal.LeftAlone(file + " was replaced by another file in this moment");
            }
            Files.delete(file);
            Renames.syncDirectory(file.resolveSibling("."));
            return new Removal.Done(found.allocatedBytes());
        }
    }
}
