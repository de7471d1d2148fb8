package virtshrink.shrink;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import virtshrink.os.Errno;
import virtshrink.os.Hosts;
import virtshrink.os.OpenFile;
import virtshrink.os.OsException;
import virtshrink.shrink.Cancellation.RunCancelledException;

/**
 * The zero filler that knows no filesystem: writes zeros to a mounted one until it is full. What it wrote is gone when {@link #fill} returns,
 * however it does, and also when the program is killed. Thread-safe.
 *
 * <p>A full filesystem ({@code ENOSPC}) is the aim; a file that cannot become larger ({@code EFBIG}, as on FAT or under
 * {@code RLIMIT_FSIZE}) means another file; everything else, a quota included, is a failure with its cause.
 */
public final class ClassicalFiller {
    /** Large ones for speed; when these no longer fit, smaller ones down to a sector, so that no block is left out. */
    private static final int[] WRITE_BYTES = {4 << 20, 64 << 10, 4 << 10, 512};

    /** So often what was written is brought to the disk: the host's memory is needed for better things than zeros. */
    private static final long SYNC_BYTES = 256L << 20;

    /** Filesystems set space aside while they write and free it afterwards; a few files more find that, too. */
    private static final int MOST_FULL_FILES = 16;

    private final boolean force;
    private final boolean removesLeftovers;

    public ClassicalFiller() {
        this(false);
    }

    /**
     * A filler.
     *
     * @param force fill also a filesystem of the running system itself, or one that other hosts use; in memory never
     */
    public ClassicalFiller(boolean force) {
        this(force, true);
    }

    private ClassicalFiller(boolean force, boolean removesLeftovers) {
        this.force = force;
        this.removesLeftovers = removesLeftovers;
    }

    /** One for a filesystem in which nothing may be different afterwards: what an earlier filler has left there is the guest's. */
    static ClassicalFiller inAGuestsFilesystem() {
        return new ClassicalFiller(true, false);
    }

    /**
     * Fills the filesystem on which a directory lies. Returns when the zeros are on the disk and the space is free again.
     *
     * @throws FillRefusedException if that is no directory or a filesystem that must not be full even for a moment
     * @throws IOException if the filesystem could not be filled; what was written is removed
     * @throws RunCancelledException if cancelled; what was written is removed
     */
    public FillReport fill(Path directory, FillProgress progress, Cancellation cancellation)
            throws FillRefusedException, IOException, RunCancelledException {
        FillTarget.judge(directory, force);
        if (removesLeftovers) {
            FillFile.removeLeftovers(directory);
        }
        FillReport report;
        Run run = new Run(directory, progress, cancellation);
        try {
            report = run.fill();
        } finally {
            run.files.forEach(OpenFile::close);
        }
        // btrfs gives space back with its next transaction only.
        try (OpenFile open = OpenFile.directory(directory)) {
            open.syncFilesystem();
        }
        return report;
    }

    /** Why a file takes no more. */
    private enum End {
        FILESYSTEM_FULL,
        FILE_LIMIT
    }

    private static final class Run {
        private final Path directory;
        private final FillProgress progress;
        private final Cancellation cancellation;
        private final ByteBuffer zeros = ByteBuffer.allocateDirect(WRITE_BYTES[0]);
        private final List<OpenFile> files = new ArrayList<>();
        private final long availableBytes;
        private long writtenBytes;

        Run(Path directory, FillProgress progress, Cancellation cancellation) throws IOException {
            this.directory = directory;
            this.progress = progress;
            this.cancellation = cancellation;
            availableBytes = Math.max(1, Hosts.availableBytes(directory));
        }

        FillReport fill() throws IOException, RunCancelledException {
            int filesThatMetTheEnd = 0;
            while (filesThatMetTheEnd < MOST_FULL_FILES && createFile()) {
                OpenFile file = files.get(files.size() - 1);
                long before = writtenBytes;
                End end = fill(file);
                bringToDisk(file);
                if (end == End.FILESYSTEM_FULL) {
                    filesThatMetTheEnd++;
                }
                if (writtenBytes == before) {
                    if (end == End.FILE_LIMIT) {
                        throw new IOException("this process may not write files at all: the limit of their size is 0");
                    }
                    break;
                }
            }
            return new FillReport(writtenBytes, files.size());
        }

        /** Returns false if there is no room even for an empty file. */
        private boolean createFile() throws IOException {
            try {
                files.add(FillFile.create(directory));
                return true;
            } catch (OsException e) {
                if (e.is(Errno.ENOSPC)) {
                    return false;
                }
                throw explained(e);
            }
        }

        private End fill(OpenFile file) throws IOException, RunCancelledException {
            int step = 0;
            long offset = 0;
            long inStepBytes = 0;
            long unsyncedBytes = 0;
            while (true) {
                cancellation.checkpoint();
                int written;
                try {
                    written = file.content().writeSome(zeros, WRITE_BYTES[step], offset);
                } catch (OsException e) {
                    if (!e.is(Errno.ENOSPC) && !e.is(Errno.EFBIG)) {
                        throw explained(e);
                    }
                    if (step == WRITE_BYTES.length - 1) {
                        return e.is(Errno.EFBIG) ? End.FILE_LIMIT : End.FILESYSTEM_FULL;
                    }
                    step++;
                    inStepBytes = 0;
                    continue;
                }
                offset += written;
                inStepBytes += written;
                unsyncedBytes += written;
                writtenBytes += written;
                progress.advanced(writtenBytes, Math.max(availableBytes, writtenBytes));
                // More fits than what one larger write had failed for: space came back, and small writes would take for
                // ever.
                if (step > 0 && inStepBytes >= 2L * WRITE_BYTES[step - 1]) {
                    step--;
                    inStepBytes = 0;
                }
                if (unsyncedBytes >= SYNC_BYTES) {
                    bringToDisk(file);
                    unsyncedBytes = 0;
                }
            }
        }

        /** Without this, zeros that are still in memory would be forgotten with their file and never reach the disk. */
        private void bringToDisk(OpenFile file) throws IOException {
            try {
                file.sync();
            } catch (OsException e) {
                // Some filesystems find out only now that they are full; the next write meets the same end.
                if (!e.is(Errno.ENOSPC)) {
                    throw explained(e);
                }
            }
            file.content().dropCache();
        }

        private IOException explained(OsException cause) {
            String written = " (after " + writtenBytes + " bytes of zeros, which are removed again)";
            if (cause.is(Errno.EDQUOT)) {
                return new IOException(
                        "a quota ended before the filesystem was full: " + cause.getMessage() + written, cause);
            }
            return new IOException("filling failed: " + cause.getMessage() + written, cause);
        }
    }
}
