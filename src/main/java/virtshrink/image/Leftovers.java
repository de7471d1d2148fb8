package virtshrink.image;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import virtshrink.image.TemporaryNames.Role;
import virtshrink.os.Errno;
import virtshrink.os.FileStatus;
import virtshrink.os.OpenFile;
import virtshrink.os.OsException;
import virtshrink.os.ProcessIdentity;
import virtshrink.os.Renames;

/** Finds and removes what runs left that died without cleaning up: their children, their sockets, their files beside an image. */
public final class Leftovers {
    /** The driver notices within moments that whom it served by has gone; somebody else may have taken the device since. */
    private static final Duration DEVICE_LIMIT = Duration.ofSeconds(5);

    private Leftovers() {}

    /** Ends the children of dead runs and removes their registrations. A run lives as long as the process that registered it. */
    public static List<String> endDeadRuns(RunDirectory runs) throws IOException {
        List<String> done = new ArrayList<>();
        for (Path directory : runs.runs()) {
            try {
                done.addAll(endIfDead(directory, runs));
            } catch (IOException problem) {
                done.add("left " + directory + " alone: " + problem.getMessage());
            }
        }
        return done;
    }

    private static List<String> endIfDead(Path directory, RunDirectory runs) throws IOException {
        Optional<RunRecord> record = RunRecord.read(directory);
        if (record.isEmpty()) {
            // A run in its very first moment looks the same as one that died there.
            if (isOlderThanAMinute(directory)) {
                RunRecord.removeDirectory(directory);
            }
            return List.of();
        }
        List<String> done = new ArrayList<>();
        if (record.get().isOfThisBoot()) {
            if (record.get().owner().isAlive()) {
                return List.of();
            }
            for (ProcessIdentity child : record.get().children()) {
                if (child.kill()) {
                    done.add("ended process " + child.pid() + " that a dead run on "
                            + record.get().image() + " had left");
                }
            }
            // What its children had attached and mounted goes with them: the mounts were in a namespace of theirs.
            for (String device : record.get().devices()) {
                removeClaim(runs.deviceClaims().resolve(device));
                if (!new NbdDevice(NbdDevice.SYSTEM, device).awaitFree(DEVICE_LIMIT)) {
                    done.add("a dead run on %s had /dev/%s, which the kernel has not given up; see: fuser -vm /dev/%s"
                            .formatted(record.get().image(), device, device));
                }
            }
        }
        RunRecord.removeDirectory(directory);
        return done;
    }

    /** Whoever holds the device now, as a living run, has it locked. */
    private static void removeClaim(Path claim) throws IOException {
        try (OpenFile file = OpenFile.readWrite(claim)) {
            if (file.tryExclusiveFlock()) {
                Files.deleteIfExists(claim);
            }
        } catch (OsException gone) {
            if (!gone.is(Errno.ENOENT)) {
                throw gone;
            }
        }
    }

    private static boolean isOlderThanAMinute(Path directory) throws IOException {
        try {
            return Files.getLastModifiedTime(directory).toMillis() < System.currentTimeMillis() - 60_000;
        } catch (NoSuchFileException gone) {
            return false;
        }
    }

    /**
     * As {@link #removeFilesBeside}, for an image that no run has locked. Where there is nothing to remove nothing is locked, and what lies
     * beside an image in use stays until it is not.
     *
     * @param image as a domain names it
     */
    public static List<String> sweepBeside(Path image) throws IOException {
        Path file;
        try {
            file = image.toRealPath();
        } catch (NoSuchFileException gone) {
            return List.of();
        }
        if (!anyBeside(file)) {
            return List.of();
        }
        try {
            ImageLock held = ImageLock.acquire(file);
            try {
                // Other runs stay out, which is enough for what lies beside. A guest that starts in this moment must
                // not
                // fail because large files take their time to go: nobody would know whom to ask for its disk.
                held.release();
                return removeFilesBeside(file);
            } finally {
                held.close();
            }
        } catch (ImageRefusedException left) {
            return List.of("left what lies beside " + file + " alone: " + left.getMessage());
        }
    }

    private static boolean anyBeside(Path image) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(
                image.resolveSibling("."),
                file -> TemporaryNames.roleOf(file, image).isPresent())) {
            return entries.iterator().hasNext();
        }
    }

    /**
     * Removes the temporary files of dead runs beside an image. A file is removed only if no living run and no other process holds it.
     *
     * @param image symbolic links resolved
     * @return what was done, or left and why, as notes for the user
     * @throws ImageRefusedException if a run died in the moment of the exchange and what it left may be what the guest used
     */
    public static List<String> removeFilesBeside(Path image) throws IOException, ImageRefusedException {
        List<String> done = new ArrayList<>();
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(
                image.resolveSibling("."),
                file -> TemporaryNames.roleOf(file, image).isPresent())) {
            for (Path entry : entries) {
                found.add(image.resolveSibling(entry.getFileName()));
            }
        }
        for (Path file : found) {
            try {
                remove(file, TemporaryNames.roleOf(file, image).orElseThrow(), image)
                        .ifPresent(done::add);
            } catch (IOException problem) {
                done.add("left " + file + " alone: " + problem.getMessage());
            }
        }
        return done;
    }

    private static Optional<String> remove(Path file, Role role, Path image) throws IOException, ImageRefusedException {
        FileStatus named;
        try {
            named = FileStatus.ofLink(file);
        } catch (OsException problem) {
            if (problem.is(Errno.ENOENT)) {
                return Optional.empty();
            }
            throw problem;
        }
        if (!named.regularFile()) {
            return Optional.of("left " + file + " alone: it is no regular file");
        }
        if (role == Role.BACKUP) {
            return removeBackupLink(file, image);
        }
        try (OpenFile open = OpenFile.readOnly(file)) {
            if (!open.status().identity().equals(named.identity())
                    || !open.tryExclusiveFlock()
                    || !nobodyElseHasOpen(open)) {
                return Optional.of("left " + file + " alone: a process holds it");
            }
            if (role == Role.EXCHANGE && !TemporaryNames.isAsExchanged(file, open.status())) {
                throw new ImageRefusedException("a run died in the moment of the exchange, and " + file
                        + " has been used since; compare it with " + image
                        + ", keep under the image's name the one that the guest used last, and remove the other");
            }
            // It may be the original: the name of the new file is on the disk before the old content goes.
            Renames.syncDirectory(image.resolveSibling("."));
            Files.delete(file);
            return Optional.of("removed " + file + ", left by a dead run");
        }
    }

    /** A second name of the image itself is nothing; any other file is the original that somebody wanted to keep. */
    private static Optional<String> removeBackupLink(Path file, Path image) throws IOException {
        if (!FileStatus.ofLink(file).identity().equals(FileStatus.of(image).identity())) {
            return Optional.of(
                    "left " + file + " alone: it is the original of " + image + ", which a dead run was to keep");
        }
        Files.delete(file);
        return Optional.of("removed " + file + ", left by a dead run");
    }

    private static boolean nobodyElseHasOpen(OpenFile file) throws IOException {
        try {
            return file.isOnlyOpener();
        } catch (OsException problem) {
            if (!problem.isUnsupported()) {
                throw problem;
            }
            // Without leases qemu's own locks are the best there is: bytes 100 to 203 cover every permission.
            return !file.wouldWriteLockConflict(100, 104);
        }
    }
}
