package virtshrink.history;

import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.NightBegan;

/** The history as the one daemon sees it, which also knows what others have added since it was opened. Thread-safe. */
public final class History implements PastRuns, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(History.class);

    private static final FileAttribute<?> PRIVATE_DIRECTORY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

    private final Path directory;
    private final HistoryFile file;
    private final FileChannel lockFile;
    private final LastRuns last = new LastRuns();

    /** How far {@link #last} has read. */
    private long knownBytes;

    private volatile Consumer<HistoryEntry> listener = entry -> {};

    private History(Path directory, FileChannel lockFile) throws IOException {
        this.directory = directory;
        this.file = new HistoryFile(directory);
        this.lockFile = lockFile;
        file.create();
        file.locked(this::catchUp);
    }

    /**
     * Opens the history in a directory, which is made if it is missing.
     *
     * @throws IOException if it cannot be written, or another daemon does so already
     */
    public static History open(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            Files.createDirectories(directory, PRIVATE_DIRECTORY);
        }
        // A file of its own: closing any descriptor of the history itself would give its lock up.
        FileChannel lockFile = FileChannel.open(
                directory.resolve("lock"),
                EnumSet.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE),
                HistoryFile.PRIVATE);
        try {
            if (tryLock(lockFile) == null) {
                throw new IOException(
                        "the history in " + directory + " belongs to another virt-shrinkd that is running");
            }
            return new History(directory, lockFile);
        } catch (IOException | RuntimeException problem) {
            lockFile.close();
            throw problem;
        }
    }

    private static @Nullable FileLock tryLock(FileChannel lockFile) throws IOException {
        try {
            return lockFile.tryLock();
        } catch (OverlappingFileLockException sameProcess) {
            return null;
        }
    }

    /** Where it is kept. */
    public Path directory() {
        return directory;
    }

    /**
     * Adds an entry and waits until it is on the disk.
     *
     * @throws IOException if it cannot be written; the listener is told all the same, because what was done is done
     */
    public void append(HistoryEntry entry) throws IOException {
        try {
            write(entry);
        } finally {
            listener.accept(entry);
        }
    }

    /**
     * Tells of every entry from now on: of one's own in the thread that appends it, of those of others when they are noticed. There is one
     * listener; another one takes its place.
     *
     * @param appended must not throw, and is quick
     */
    public void onAppend(Consumer<HistoryEntry> appended) {
        listener = appended;
    }

    private synchronized void write(HistoryEntry entry) throws IOException {
        if (!lockFile.isOpen()) {
            throw new ClosedChannelException();
        }
        file.locked(() -> {
            catchUp();
            file.appendLocked(entry);
            knownBytes = file.sizeBytes();
            last.add(entry);
        });
    }

    /** Reads what others have added. To be called while nobody writes. */
    private void catchUp() throws IOException {
        long size = file.sizeBytes();
        if (size != knownBytes) {
            // A file that became shorter is another one.
            HistoryReader.read(directory, size > knownBytes ? knownBytes : 0, entry -> {
                last.add(entry);
                listener.accept(entry);
            });
            knownBytes = size;
        }
    }

    /** The last runs, with those of others. */
    private LastRuns upToDate() {
        try {
            if (file.sizeBytes() != knownBytes) {
                file.locked(this::catchUp);
            }
        } catch (IOException problem) {
            LOG.warn("what others have added to the history cannot be read: {}", problem.toString());
        }
        return last;
    }

    @Override
    public synchronized Optional<DiskRun> lastOfDisk(UUID domain, String target) {
        return upToDate().lastOfDisk(domain, target);
    }

    @Override
    public synchronized Optional<Instant> lastShrunk(UUID domain) {
        return upToDate().lastShrunk(domain);
    }

    /** When a schedule's work last began. */
    public synchronized Optional<NightBegan> lastNight(String schedule) {
        return upToDate().ofSchedule(schedule);
    }

    /** What became of the last work of a schedule that has ended. */
    public synchronized Optional<NightSummary> lastResult(String schedule) {
        return upToDate().resultOf(schedule);
    }

    /**
     * Removes old entries and lines that nobody understands; keeps what {@link #lastOfDisk}, {@link #lastShrunk} and {@link #lastNight} need.
     * A crash leaves the old file or the new one.
     *
     * @param before entries from this instant on stay
     */
    public synchronized void prune(Instant before) throws IOException {
        file.locked(() -> {
            catchUp();
            int[] expired = {0};
            HistoryReader.read(directory, entry -> expired[0] += isKept(entry, before) ? 0 : 1);
            if (expired[0] > 0) {
                file.keepLocked(entry -> isKept(entry, before));
                knownBytes = file.sizeBytes();
            }
        });
    }

    private boolean isKept(HistoryEntry entry, Instant before) {
        return !entry.at().isBefore(before) || last.holds(entry);
    }

    @Override
    public synchronized void close() throws IOException {
        lockFile.close();
    }
}
