package virtshrink.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import virtshrink.os.FileStatus;
import virtshrink.os.Lease;
import virtshrink.os.OsException;
import virtshrink.os.Renames;

/**
 * The step back: an original that was kept beside its image gets its name again, and what had it meanwhile goes. At every moment the name
 * leads to one of the two, whole. A crash leaves both files, under each other's names or not; which it was tell their inode numbers.
 */
public final class Restoration {
    private final DiskPair pair;
    private final Path image;
    private final Path original;

    /**
     * Of one image.
     *
     * @param pair both files, locked
     * @param image the name to be given back
     * @param original where the original lies now, in the same filesystem
     */
    public Restoration(DiskPair pair, Path image, Path original) {
        this.pair = pair;
        this.image = image;
        this.original = original;
    }

    /**
     * Exchanges the two, lets the guest in, and removes the one that was displaced. The caller has passed its point of no return.
     *
     * @return what could not be tidied up, as notes for the user
     * @throws ImageRefusedException if somebody else has opened, written or replaced one of them: nothing has changed
     */
    public List<String> run() throws IOException, ImageRefusedException {
        exchange();
        List<String> notes = new ArrayList<>();
        try {
            // The name is on the disk before the other content goes, and before the guest writes to it.
            Renames.syncDirectory(image.resolveSibling("."));
            pair.giveBack();
            if (pair.present().file().isOnlyOpener()) {
                Files.delete(original);
                Renames.syncDirectory(image.resolveSibling("."));
            } else {
                notes.add("another process has opened the shrunk image in the moment of the exchange; it is kept as "
                        + original);
            }
        } catch (IOException problem) {
            notes.add("the original is back, but the shrunk image could not be removed; it is " + original + ": "
                    + problem.getMessage());
        }
        return notes;
    }

    private void exchange() throws IOException, ImageRefusedException {
        Optional<Lease> lease = lease();
        if (lease.isEmpty()) {
            throw new ImageRefusedException(openElsewhere());
        }
        try (Lease alone = lease.get()) {
            Renames.exchange(original, image);
            Optional<String> objection;
            try {
                objection = whyNot(alone);
            } catch (IOException | RuntimeException problem) {
                Renames.exchange(original, image);
                throw problem;
            }
            if (objection.isPresent()) {
                Renames.exchange(original, image);
                throw new ImageRefusedException(objection.get());
            }
        } catch (OsException problem) {
            if (problem.isUnsupported()) {
                throw new ImageRefusedException("the filesystem of " + image
                        + " cannot exchange two files: shut the guest off and rename the files by hand");
            }
            throw problem;
        }
    }

    private Optional<Lease> lease() throws IOException, ImageRefusedException {
        try {
            return pair.present().file().tryLease();
        } catch (OsException problem) {
            if (problem.isUnsupported()) {
                throw new ImageRefusedException("the filesystem of " + image
                        + " cannot tell who has a file open: shut the guest off and rename the files by hand");
            }
            throw problem;
        }
    }

    private Optional<String> whyNot(Lease alone) throws IOException {
        if (!FileStatus.ofLink(original)
                        .identity()
                        .equals(pair.present().recorded().identity())
                || !FileStatus.ofLink(image)
                        .identity()
                        .equals(pair.successor().recorded().identity())) {
            return Optional.of(image + " or " + original + " was replaced by another file in this moment");
        }
        Optional<String> changed = pair.present().whyChanged();
        if (changed.isEmpty()) {
            changed = pair.successor().whyChanged();
        }
        return changed.isPresent() || !alone.isWanted() ? changed : Optional.of(openElsewhere());
    }

    private String openElsewhere() {
        return image + " is open in another process (a starting guest, a backup, a loop device)";
    }
}
