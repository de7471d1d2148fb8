package virtshrink.image;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import virtshrink.image.TemporaryNames.Role;
import virtshrink.os.Errno;
import virtshrink.os.FileStatus;
import virtshrink.os.Lease;
import virtshrink.os.OsException;
import virtshrink.os.Renames;

/**
 * The one step in which a new image takes the place of the original.
 *
 * <p>At every moment the image's name leads to the whole original or to the whole, synced new file. The new file is locked against writers
 * before it gets the name. What was displaced is unlinked only after it has proven that nobody wrote to it, has it open or is about
 * to open it; otherwise the two are exchanged back.
 *
 * <p>The displaced original stands, for that moment, under the name of role {@link Role#EXCHANGE}. The new file carries the original's time
 * of modification, and the name repeats it: so {@link Leftovers} can tell after a crash whether anybody has written to the one beside.
 */
public final class Swap {
    private static final int OWNER_ONLY = 0600;

    /** How long somebody else may have the image open at the moment of the exchange; a guest that starts waits as long at most. */
    private static final Duration PATIENCE = Duration.ofMillis(200);

    private static final Duration RETRY = Duration.ofMillis(5);

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

    /**
     * Gives a file that is to stand beside the original its attributes as far as that is possible there, and writes it to the disk.
     *
     * @param ownContentOnly the new file holds nothing but what the image itself held
     * @return what could not be kept
     */
    public Optional<String> prepareBeside(ReplacementFile newFile, boolean ownContentOnly) throws IOException {
        newFile.requireInPlace();
        if (!ownContentOnly) {
            // The backing files' owners have not said that whoever may read the image may read them.
            newFile.sync();
            return Optional.of("the output holds the backing files' content too; only its owner may read it");
        }
        Optional<String> lost = Optional.empty();
        try {
            FileAttributes.transfer(lock.file(), newFile.file());
        } catch (IOException problem) {
            // What lacks an access control list, or the owner it was meant for, must not be open by its mode.
            newFile.file().inode().chmod(OWNER_ONLY);
            lost = Optional.of("the output has not all of the image's owner, mode and attributes ("
                    + problem.getMessage() + "); only its owner may use it");
        }
        newFile.sync();
        return lost;
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
     * @return what could not be tidied up after the image had been replaced, as notes for the user
     * @throws ImageRefusedException if somebody else has opened, written or replaced the image: the original has its name (again)
     * @throws IOException if a step failed; the message says which file the image's name leads to
     */
    public List<String> run(ReplacementFile replacement, Optional<Path> backup)
            throws IOException, ImageRefusedException {
        refuseIfChanged();
        ImageLock.forbidWriters(replacement.file());
        Path link = names.of(Role.BACKUP);
        if (backup.isPresent()) {
            Files.createLink(link, image);
        }
        Optional<Path> displaced;
        try {
            displaced = capabilities.exchange() && capabilities.leases() ? exchange(replacement) : replace(replacement);
        } catch (IOException | ImageRefusedException | RuntimeException problem) {
            // Only a second name of the original goes.
            if (backup.isPresent()) {
                Files.deleteIfExists(link);
            }
            throw problem;
        }
        return tidyUp(replacement, displaced, backup.map(path -> new Backup(link, path)));
    }

    /** The original under a temporary name, and the name it is to have. */
    private record Backup(Path link, Path name) {}

    private Optional<Path> replace(ReplacementFile replacement) throws IOException, ImageRefusedException {
        Optional<String> difference = whyNotAlike(replacement);
        if (difference.isPresent()) {
            throw new ImageRefusedException(difference.get());
        }
        Renames.replace(replacement.path(), image);
        replacement.giveAway();
        return Optional.empty();
    }

    /** The image has been replaced whatever happens here: what fails now is worth a note, not a failure. */
    private List<String> tidyUp(ReplacementFile replacement, Optional<Path> displaced, Optional<Backup> backup) {
        List<String> notes = new ArrayList<>();
        try {
            if (backup.isPresent()) {
                rename(backup.get().link(), backup.get().name());
                notes.add("the original is kept as " + backup.get().name());
            }
            // The new name is on the disk before the old content goes: a power cut leaves one of the two. And before
            // anybody writes to the new file: it would lose what he wrote.
            Renames.syncDirectory(directoryOf(image));
            ImageLock.allowWriters(replacement.file());
            if (displaced.isPresent()) {
                // One who looked the name up before the exchange and opens only now must not write into nothing.
                if (lock.file().isOnlyOpener()) {
                    Files.delete(displaced.get());
                } else {
                    notes.add("another process has opened the original in the moment of the exchange; it is kept as "
                            + displaced.get());
                }
            }
        } catch (IOException problem) {
            notes.add(
                    "the image has been replaced, but its original could not be given the name it was to have, or be removed; it is still beside the image: "
                            + problem.getMessage());
        }
        return notes;
    }

    /**
     * Gives the new file its name beside an original that stays.
     *
     * @throws ImageRefusedException if there is a file of that name
     */
    public void place(ReplacementFile newFile, Path output) throws IOException, ImageRefusedException {
        try {
            rename(newFile.path(), output);
        } catch (OsException problem) {
            if (problem.is(Errno.EEXIST)) {
                throw new ImageRefusedException(output + " exists already");
            }
            throw problem;
        } catch (FileAlreadyExistsException exists) {
            throw new ImageRefusedException(output + " exists already");
        }
        newFile.giveAway();
        Renames.syncDirectory(directoryOf(output));
    }

    /**
     * Under a lease on the original, which is granted only while nobody has it open and lets whoever comes wait. Without it a starting qemu
     * could slip through: it opens an image twice by its name, for reading and then for writing, and looks for locks only on the first of the
     * two files. When those are the original and, a moment later, the new file, the exchange must not be undone any more.
     */
    private Optional<Path> exchange(ReplacementFile replacement) throws IOException, ImageRefusedException {
        Optional<Lease> lease = patientLease();
        if (lease.isEmpty()) {
            throw new ImageRefusedException(ImageRefusedException.Kind.IN_USE, openElsewhere());
        }
        try (Lease alone = lease.get()) {
            return exchange(replacement, alone);
        }
    }

    /** Those who only read a header, to see what an image stands on, are gone in a moment: no reason to throw a finished rebuild away. */
    private Optional<Lease> patientLease() throws IOException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        Optional<Lease> lease = lock.file().tryLease();
        while (lease.isEmpty() && System.nanoTime() - deadline < 0) {
            LockSupport.parkNanos(RETRY.toNanos());
            lease = lock.file().tryLease();
        }
        return lease;
    }

    private Optional<Path> exchange(ReplacementFile replacement, Lease alone)
            throws IOException, ImageRefusedException {
        Path beside = names.forExchange(lock.recorded(), replacement.file().status());
        Renames.noReplace(replacement.path(), beside);
        replacement.nowAt(beside);
        Renames.exchange(beside, image);
        Optional<String> objection;
        try {
            objection = whyNotDisplaced(beside, replacement, alone);
        } catch (IOException | RuntimeException problem) {
            exchangeBack(replacement, beside);
            throw problem;
        }
        if (objection.isPresent()) {
            exchangeBack(replacement, beside);
            throw new ImageRefusedException(ImageRefusedException.Kind.IN_USE, objection.get());
        }
        replacement.giveAway();
        return Optional.of(beside);
    }

    /** Why what now stands beside the image must get its name back; empty if it may go. */
    private Optional<String> whyNotDisplaced(Path beside, ReplacementFile replacement, Lease alone) throws IOException {
        if (!FileStatus.of(beside).identity().equals(lock.recorded().identity())) {
            return Optional.of(image + " was replaced by another file while it was being shrunk");
        }
        Optional<String> changed = lock.whyChanged();
        if (changed.isPresent()) {
            return changed;
        }
        Optional<String> difference = whyNotAlike(replacement);
        if (difference.isPresent()) {
            return difference;
        }
        // Last, so that one who had looked up the name before the exchange has had time to show.
        return alone.isWanted() ? Optional.of(openElsewhere()) : Optional.empty();
    }

    /** The new file has been given what the original had a moment ago. */
    private Optional<String> whyNotAlike(ReplacementFile replacement) throws IOException {
        return FileAttributes.difference(lock.file(), replacement.file())
                .map(what -> "the " + what + " of " + image + " was changed while it was being shrunk");
    }

    private String openElsewhere() {
        return image + " is open in another process (a starting guest, a backup, a loop device)";
    }

    private void exchangeBack(ReplacementFile replacement, Path beside) throws IOException {
        try {
            Renames.exchange(beside, image);
        } catch (IOException problem) {
            throw new IOException(
                    "the image's name leads to the new file, which is whole, and the original could not be given its name back: it is "
                            + beside,
                    problem);
        }
        // The run is over. A guest that waits for the lease to end must not find our locks then.
        lock.release();
        // Whoever opened the new file in between, and does not heed locks, must not lose what it stands on.
        if (!replacement.file().isOnlyOpener()) {
            replacement.giveAway();
            throw new IOException(
                    "the original is in place, but another process has opened the new file meanwhile; it is kept as "
                            + beside + ": end that process, then remove the file");
        }
    }

    /** Never replaces anything, also where the filesystem does not know how to be asked for that. */
    private static void rename(Path from, Path to) throws IOException {
        try {
            Renames.noReplace(from, to);
        } catch (OsException problem) {
            if (!problem.isUnsupported()) {
                throw problem;
            }
            Files.createLink(to, from);
            Files.delete(from);
        }
    }

    private static Path directoryOf(Path file) {
        return file.resolveSibling(".");
    }

    private void refuseIfChanged() throws IOException, ImageRefusedException {
        Optional<String> changed = lock.whyChanged();
        if (changed.isPresent()) {
            throw new ImageRefusedException(ImageRefusedException.Kind.IN_USE, changed.get());
        }
        if (!FileStatus.of(image).identity().equals(lock.recorded().identity())) {
            throw new ImageRefusedException(
                    ImageRefusedException.Kind.IN_USE,
                    image + " was replaced by another file while it was being shrunk");
        }
    }
}
