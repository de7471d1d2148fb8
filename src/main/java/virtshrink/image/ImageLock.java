package virtshrink.image;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import virtshrink.os.FileStatus;
import virtshrink.os.FileSystemType;
import virtshrink.os.OpenFile;
import virtshrink.os.OsException;

/**
 * The hold on one image file from before its first read until after it has been replaced.
 *
 * <p>qemu guards images by OFD byte-range locks: byte {@code 100 + n} held means "I use permission n", byte {@code 200 + n} held means
 * "nobody else may". Read locks on 201 (write) and 203 (resize) make every qemu that wants to write fail with {@code Failed to get "write"
 * lock}, while read-only users go on. Runs of virt-shrink exclude one another by {@code flock}, which qemu does not use.
 *
 * <p>The descriptor is the only one this process has on the file, so that a lease can tell later whether anybody else has it open. Not
 * thread-safe, except {@link #release()} and {@link #close()}.
 */
public final class ImageLock implements AutoCloseable {
    private static final long USES_WRITE = 101;
    private static final long USES_RESIZE = 103;
    private static final long FORBIDS_WRITE = 201;
    private static final long FORBIDS_RESIZE = 203;

    private final OpenFile file;
    private final FileStatus recorded;
    private boolean closed;

    private ImageLock(OpenFile file, FileStatus recorded) {
        this.file = file;
        this.recorded = recorded;
    }

    /**
     * Opens the image read-only and locks it.
     *
     * @param image symbolic links resolved
     * @throws ImageRefusedException if it is not a regular file, another run works on it, or somebody writes to it
     */
    public static ImageLock acquire(Path image) throws IOException, ImageRefusedException {
        OpenFile file = OpenFile.readOnly(image);
        try {
            FileStatus status = file.status();
            if (!status.regularFile()) {
                throw new ImageRefusedException(image + " is not a regular file");
            }
            // Between hosts flock is a lock on the whole file, which would shut out our own children.
            if (!FileSystemType.of(image).sharedBetweenHosts() && !file.tryExclusiveFlock()) {
                throw new ImageRefusedException(
                        ImageRefusedException.Kind.IN_USE,
                        image + " is being worked on by another run of virt-shrink, or locked by flock(2)");
            }
            forbidWriters(file);
            return new ImageLock(file, status);
        } catch (IOException | ImageRefusedException | RuntimeException problem) {
            file.close();
            throw problem;
        }
    }

    /**
     * Takes qemu's locks against writers on a file, such as the new image just before it gets its name.
     *
     * @throws ImageRefusedException if somebody already writes to it
     */
    static void forbidWriters(OpenFile file) throws IOException, ImageRefusedException {
        // First forbid, then look: a writer that comes between the two finds our locks, one that came before is found
        // by the look. The other
        // order lets a starting guest slip through.
        if (!file.tryReadLock(FORBIDS_WRITE, 1) || !file.tryReadLock(FORBIDS_RESIZE, 1)) {
            throw new ImageRefusedException(
                    ImageRefusedException.Kind.IN_USE, file.path() + " is locked by another program");
        }
        if (hasWriter(file)) {
            throw new ImageRefusedException(
                    ImageRefusedException.Kind.IN_USE,
                    file.path() + " is open for writing in another process (a running guest, qemu-nbd or qemu-img)");
        }
    }

    /** Undoes {@link #forbidWriters}. */
    static void allowWriters(OpenFile file) throws IOException {
        file.unlock(FORBIDS_WRITE, 1);
        file.unlock(FORBIDS_RESIZE, 1);
    }

    private static boolean hasWriter(OpenFile file) throws IOException {
        return file.wouldWriteLockConflict(USES_WRITE, 1) || file.wouldWriteLockConflict(USES_RESIZE, 1);
    }

    /**
     * Asks without locking whether the image can be looked at.
     *
     * @throws ImageRefusedException if somebody writes to it
     */
    static void refuseIfWritten(Path image) throws IOException, ImageRefusedException {
        try (OpenFile file = OpenFile.readOnly(image)) {
            if (!file.status().regularFile()) {
                throw new ImageRefusedException(ImageRefusedException.Kind.IN_USE, image + " is not a regular file");
            }
            if (hasWriter(file)) {
                throw new ImageRefusedException(
                        ImageRefusedException.Kind.IN_USE,
                        image + " is open for writing in another process (a running guest, qemu-nbd or qemu-img)");
            }
        }
    }

    /** Size, times and identity when the lock was taken. */
    public FileStatus recorded() {
        return recorded;
    }

    OpenFile file() {
        return file;
    }

    /** Why the locked file is no longer what was recorded; empty if it is. */
    public Optional<String> whyChanged() throws IOException {
        FileStatus now = file.status();
        if (now.sizeBytes() != recorded.sizeBytes()
                || now.mtimeSeconds() != recorded.mtimeSeconds()
                || now.mtimeNanos() != recorded.mtimeNanos()) {
            return Optional.of(file.path() + " was written to while it was being shrunk");
        }
        if (hasWriter(file)) {
            return Optional.of(file.path() + " was opened for writing while it was being shrunk");
        }
        return Optional.empty();
    }

    /**
     * Whether somebody else has the file open, with or without locks.
     *
     * @return empty where that cannot be asked
     */
    public Optional<Boolean> isOpenElsewhere() throws IOException {
        try {
            return Optional.of(!file.isOnlyOpener());
        } catch (OsException problem) {
            if (problem.isUnsupported()) {
                return Optional.empty();
            }
            throw problem;
        }
    }

    /**
     * Lets writers in, from whichever thread. The descriptor stays open for the thread that uses it, and other runs stay out until it is
     * closed.
     */
    synchronized void release() throws IOException {
        if (!closed) {
            allowWriters(file);
        }
    }

    @Override
    public synchronized void close() throws IOException {
        closed = true;
        file.close();
    }
}
