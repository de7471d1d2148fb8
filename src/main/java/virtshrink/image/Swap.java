package virtshrink.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import virtshrink.image.TemporaryNames.Role;
import virtshrink.os.Errno;
import virtshrink.os.FileStatus;
import virtshrink.os.OsException;
import virtshrink.os.Renames;

/**
 * The one step in which a new image takes the place of the original.
 *
 * <p>At every moment the image's name leads to the whole original or to the whole, synced new file. The new file is locked against writers
 * before it gets the name. What was displaced is unlinked only after it has proven that nobody wrote to it or has it open; otherwise the
 * two are exchanged back.
 *
 * <p>The displaced original stands, for that moment, under the name of role {@link Role#EXCHANGE}. Both files carry the same time of
 * modification then, so that {@link Leftovers} can tell after a crash whether anybody has written to the one beside.
 */
public final class Swap {
    private final ImageLock lock;
    private final Path image;
    private final TemporaryNames names;
    private final SwapCapabilities capabilities;

    /**
     * @param image the file to be replaced, symbolic links resolved; the one that is locked
     * @param capabilities as probed in this run; without exchange or leases, plain rename after a last check is used, which is for the
     *     administrator to allow
     */
    public Swap(ImageLock lock, Path image, String runId, SwapCapabilities capabilities) {
        this.lock = lock;
        this.image = image;
        this.names = new TemporaryNames(image, runId);
        this.capabilities = capabilities;
    }

    /** Gives the new file the original's attributes and writes it to the disk. */
    public void prepare(ReplacementFile replacement) throws IOException {
        replacement.requireInPlace();
        FileAttributes.transfer(lock.file(), replacement.file());
        replacement.sync();
    }

    /**
     * Replaces the image. The caller has passed its point of no return; this takes milliseconds.
     *
     * @param backup name under which the original stays; must not exist
     * @throws ImageRefusedException if somebody else has opened, written or replaced the image: the original has its name (again)
     * @throws IOException if a step failed; the image's name leads to the original
     */
    public void run(ReplacementFile replacement, Optional<Path> backup) throws IOException, ImageRefusedException {
        refuseIfChanged();
        ImageLock.forbidWriters(replacement.file());
        if (backup.isPresent()) {
            Files.createLink(backup.get(), image);
        }
        boolean swapped = false;
        try {
            if (capabilities.exchange() && capabilities.leases()) {
                exchange(replacement);
            } else {
                Renames.replace(replacement.path(), image);
                replacement.giveAway();
            }
            swapped = true;
        } finally {
            if (!swapped && backup.isPresent()) {
                Files.deleteIfExists(backup.get());
            }
        }
        Renames.syncDirectory(image.getParent());
    }

    /**
     * Gives the new file its name beside an original that stays.
     *
     * @throws ImageRefusedException if there is a file of that name
     */
    public void place(ReplacementFile newFile, Path output) throws IOException, ImageRefusedException {
        try {
            Renames.noReplace(newFile.path(), output);
        } catch (OsException problem) {
            if (problem.is(Errno.EEXIST)) {
                throw new ImageRefusedException(output + " exists already");
            }
            throw problem;
        }
        newFile.giveAway();
        Renames.syncDirectory(output.getParent());
    }

    private void exchange(ReplacementFile replacement) throws IOException, ImageRefusedException {
        Path beside = names.of(Role.EXCHANGE);
        Renames.noReplace(replacement.path(), beside);
        replacement.nowAt(beside);
        Renames.exchange(beside, image);
        Optional<String> objection;
        try {
            objection = whyNotDisplaced(beside);
        } catch (IOException | RuntimeException problem) {
            exchangeBack(replacement, beside);
            throw problem;
        }
        if (objection.isPresent()) {
            exchangeBack(replacement, beside);
            throw new ImageRefusedException(objection.get());
        }
        replacement.giveAway();
        // The new name is on the disk before the old content goes: a power cut leaves one of the two.
        Renames.syncDirectory(image.getParent());
        Files.delete(beside);
    }

    /** Why what now stands beside the image must get its name back; empty if it may go. */
    private Optional<String> whyNotDisplaced(Path beside) throws IOException {
        if (!FileStatus.of(beside).identity().equals(lock.recorded().identity())) {
            return Optional.of(image + " was replaced by another file while it was being shrunk");
        }
        Optional<String> changed = lock.whyChanged();
        if (changed.isPresent()) {
            return changed;
        }
        return lock.file().isOnlyOpener()
                ? Optional.empty()
                : Optional.of(image + " is open in another process (a starting guest, a backup, a loop device)");
    }

    private void exchangeBack(ReplacementFile replacement, Path beside) throws IOException {
        Renames.exchange(beside, image);
        // Whoever opened the new file in between, and does not heed locks, must not lose what it stands on.
        if (!replacement.file().isOnlyOpener()) {
            replacement.giveAway();
            throw new IOException(
                    "the original is in place, but another process has opened the new file meanwhile; it is kept as "
                            + beside + ": end that process, then remove the file");
        }
    }

    private void refuseIfChanged() throws IOException, ImageRefusedException {
        Optional<String> changed = lock.whyChanged();
        if (changed.isPresent()) {
            throw new ImageRefusedException(changed.get());
        }
        if (!FileStatus.of(image).identity().equals(lock.recorded().identity())) {
            throw new ImageRefusedException(image + " was replaced by another file while it was being shrunk");
        }
    }
}
