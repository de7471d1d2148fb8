package virtshrink.history;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.NightBegan;

/**
 * The history as its one writer sees it. An entry is on the disk when {@link #append} returns; one that a crash cut off is passed over by
 * readers and removed when the history is next opened. Thread-safe.
 */
public final class History implements PastRuns, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(History.class);
    private static final FileAttribute<?> PRIVATE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
    private static final FileAttribute<?> PRIVATE_DIRECTORY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

    private final Path directory;
    private final Path file;
    private final FileChannel lockFile;
    private final LastRuns last = new LastRuns();
    private FileChannel channel;
    private volatile Consumer<HistoryEntry> listener = entry -> {};

    private History(Path directory, FileChannel lockFile) throws IOException {
        this.directory = directory;
        this.file = directory.resolve(HistoryReader.FILE_NAME);
        this.lockFile = lockFile;
        HistoryReader.read(directory, last::add);
        this.channel = openForAppending(file);
        syncDirectory();
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
                directory.resolve("lock"), EnumSet.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE), PRIVATE);
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

    private static FileChannel openForAppending(Path file) throws IOException {
        Set<StandardOpenOption> options =
                EnumSet.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        FileChannel channel = FileChannel.open(file, options, PRIVATE);
        try {
            if (new LastLine(channel).repair()) {
                LOG.info("{} ended in the middle of an entry, which is removed", file);
            }
            channel.position(channel.size());
            return channel;
        } catch (IOException problem) {
            channel.close();
            throw problem;
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
     * Tells of every entry from now on, in the thread that appends it. There is one listener; another one takes its place.
     *
     * @param appended must not throw, and is quick
     */
    public void onAppend(Consumer<HistoryEntry> appended) {
        listener = appended;
    }

    private synchronized void write(HistoryEntry entry) throws IOException {
        long begin = channel.position();
        try {
            writeLine(channel, entry);
            channel.force(false);
        } catch (IOException problem) {
            // Half a line would swallow the next one.
            channel.truncate(begin);
            throw problem;
        }
        last.add(entry);
    }

    @Override
    public synchronized Optional<DiskRun> lastOfDisk(UUID domain, String target) {
        return last.lastOfDisk(domain, target);
    }

    @Override
    public synchronized Optional<Instant> lastShrunk(UUID domain) {
        return last.lastShrunk(domain);
    }

    /** When a schedule's work last began. */
    public synchronized Optional<NightBegan> lastNight(String schedule) {
        return last.ofSchedule(schedule);
    }

    /**
     * Removes old entries and lines that nobody understands; keeps what {@link #lastOfDisk}, {@link #lastShrunk} and {@link #lastNight} need.
     * A crash leaves the old file or the new one.
     *
     * @param before entries from this instant on stay
     */
    public synchronized void prune(Instant before) throws IOException {
        int[] expired = {0};
        HistoryReader.read(directory, entry -> expired[0] += isKept(entry, before) ? 0 : 1);
        if (expired[0] == 0) {
            return;
        }
        Path fresh = directory.resolve(HistoryReader.FILE_NAME + ".new");
        Files.deleteIfExists(fresh);
        try (FileChannel target =
                FileChannel.open(fresh, EnumSet.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), PRIVATE)) {
            HistoryReader.read(directory, entry -> {
                if (isKept(entry, before)) {
                    writeLine(target, entry);
                }
            });
            target.force(true);
        }
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        syncDirectory();
        FileChannel old = channel;
        channel = openForAppending(file);
        old.close();
    }

    private boolean isKept(HistoryEntry entry, Instant before) {
        return !entry.at().isBefore(before) || last.holds(entry);
    }

    private static void writeLine(FileChannel target, HistoryEntry entry) throws IOException {
        ByteBuffer line = ByteBuffer.wrap((JSON.std.asString(entry.toJson()) + "\n").getBytes(StandardCharsets.UTF_8));
        while (line.hasRemaining()) {
            target.write(line);
        }
    }

    private void syncDirectory() throws IOException {
        try (FileChannel self = FileChannel.open(directory, StandardOpenOption.READ)) {
            self.force(true);
        }
    }

    @Override
    public synchronized void close() throws IOException {
        channel.close();
        lockFile.close();
    }
}
