package virtshrink.history;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The file that everybody's entries go to: the daemon's, and those of runs on the command line. Whoever writes holds a lock for those
 * milliseconds. An entry is on the disk when {@link #append} returns; one that a crash cut off is passed over by readers and removed by the next
 * writer. Thread-safe, between processes too.
 */
public final class HistoryFile {
    private static final Logger LOG = LoggerFactory.getLogger(HistoryFile.class);

    /** Its name in the history's directory. */
    static final String NAME = "history.jsonl";

    static final FileAttribute<?> PRIVATE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    /** A process that was stopped in the middle of writing must not stop all others for good. */
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(5);

    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

    /** The file lock is one of the whole process, which a second thread would get as well, and lose for both. */
    private static final ReentrantLock WITHIN_PROCESS = new ReentrantLock();

    private final Path directory;
    private final Path file;

    HistoryFile(Path directory) {
        this.directory = directory;
        this.file = directory.resolve(NAME);
    }

    /**
     * Adds an entry to the history in a directory and waits until it is on the disk.
     *
     * @throws NoSuchFileException if there is no such directory: nobody keeps a history here
     * @throws IOException if this user must not write there, or the disk does not take it
     */
    public static void append(Path directory, HistoryEntry entry) throws IOException {
        if (!Files.isDirectory(directory)) {
            throw new NoSuchFileException(directory.toString());
        }
        HistoryFile history = new HistoryFile(directory);
        history.locked(() -> history.appendLocked(entry));
    }

    /** Something that is done while nobody else writes, and the file holds whole lines. */
    interface Work {
        void run() throws IOException;
    }

    void locked(Work work) throws IOException {
        WITHIN_PROCESS.lock();
        try (FileChannel channel = FileChannel.open(
                        directory.resolve("write.lock"),
                        EnumSet.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE),
                        PRIVATE);
                FileLock lock = acquire(channel)) {
            if (!lock.isValid()) {
                throw new IOException("the lock of the history is lost");
            }
            repair();
            work.run();
        } finally {
            WITHIN_PROCESS.unlock();
        }
    }

    /** Everybody leaves whole lines behind, except who is killed or loses his power. */
    private void repair() throws IOException {
        if (Files.exists(file)) {
            try (FileChannel channel = open(file, StandardOpenOption.CREATE)) {
                if (new LastLine(channel).repair()) {
                    LOG.info("{} ended in the middle of an entry, which is removed", file);
                }
            }
        }
    }

    private FileLock acquire(FileChannel channel) throws IOException {
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        while (true) {
            FileLock lock = channel.tryLock();
            if (lock != null) {
                return lock;
            }
            if (System.nanoTime() - deadline > 0) {
                throw new IOException("another process does not let go of the history in " + directory);
            }
            LockSupport.parkNanos(PAUSE_NANOS);
        }
    }

    /** Makes an empty one if it is missing. */
    void create() throws IOException {
        locked(() -> {
            open(file, StandardOpenOption.CREATE).close();
            syncDirectory();
        });
    }

    long sizeBytes() throws IOException {
        return Files.size(file);
    }

    /** To be called in {@link #locked}. */
    void appendLocked(HistoryEntry entry) throws IOException {
        boolean fresh = !Files.exists(file);
        try (FileChannel channel = open(file, StandardOpenOption.CREATE)) {
            long begin = channel.size();
            channel.position(begin);
            try {
                write(channel, line(entry));
                channel.force(false);
            } catch (IOException problem) {
                // Half a line would swallow the next one.
                channel.truncate(begin);
                throw problem;
            }
        }
        if (fresh) {
            syncDirectory();
        }
    }

    /** Which entries stay. */
    interface Choice {
        boolean stays(HistoryEntry entry);
    }

    /** Replaces the file by one with fewer entries; a crash leaves the old one or the new one. To be called in {@link #locked}. */
    void keepLocked(Choice choice) throws IOException {
        Path fresh = directory.resolve(NAME + ".new");
        Files.deleteIfExists(fresh);
        try (FileChannel target = open(fresh, StandardOpenOption.CREATE_NEW)) {
            HistoryReader.read(directory, entry -> {
                if (choice.stays(entry)) {
                    write(target, line(entry));
                }
            });
            target.force(true);
        }
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        syncDirectory();
    }

    private static FileChannel open(Path path, StandardOpenOption creation) throws IOException {
        Set<StandardOpenOption> options = EnumSet.of(creation, StandardOpenOption.READ, StandardOpenOption.WRITE);
        return FileChannel.open(path, options, PRIVATE);
    }

    private static String line(HistoryEntry entry) throws IOException {
        return JSON.std.asString(entry.toJson()) + "\n";
    }

    private static void write(FileChannel target, String text) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
            target.write(bytes);
        }
    }

    private void syncDirectory() throws IOException {
        try (FileChannel self = FileChannel.open(directory, StandardOpenOption.READ)) {
            self.force(true);
        }
    }
}
