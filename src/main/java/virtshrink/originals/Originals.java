package virtshrink.originals;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.os.ProcessIdentity;
import virtshrink.os.Renames;

/**
 * What is known of kept originals: one small file for each, replaced in one step and on the disk when a method returns. Several processes may
 * use one directory; a record is changed only by the process that works on its original. Thread-safe.
 */
public final class Originals {
    private static final Logger LOG = LoggerFactory.getLogger(Originals.class);
    private static final String SUFFIX = ".json";
    /** Paths of two files and a few numbers. */
    private static final long MOST_BYTES = 64 << 10;

    private static final SecureRandom RANDOM = new SecureRandom();
    /** What threads of this process are working on. */
    private static final Set<String> AT_WORK = ConcurrentHashMap.newKeySet();

    private final Path directory;

    /**
     * The records below the directory that holds the history; made when the first is written.
     *
     * @param stateDirectory absolute
     */
    public Originals(Path stateDirectory) {
        this.directory = stateDirectory.resolve("originals");
    }

    /** All of them, oldest first. One that cannot be read is left where it is, and said in the log. */
    public List<KeptOriginal> all() throws IOException {
        List<KeptOriginal> found = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory, "*" + SUFFIX)) {
            for (Path entry : entries) {
                try {
                    if (Files.size(entry) > MOST_BYTES) {
                        throw new IOException("it is too large");
                    }
                    found.add(KeptOriginalJson.read(Files.readString(entry)));
                } catch (NoSuchFileException removedMeanwhile) {
                    LOG.debug("{} has been removed meanwhile", entry);
                } catch (IOException problem) {
                    LOG.warn("{} is passed over: {}", entry, problem.getMessage());
                }
            }
        } catch (NoSuchFileException none) {
            return List.of();
        }
        found.sort(Comparator.comparing(KeptOriginal::since).thenComparing(KeptOriginal::id));
        return found;
    }

    static String newId() {
        byte[] random = new byte[6];
        RANDOM.nextBytes(random);
        return HexFormat.of().formatHex(random);
    }

    /** Says that this process works on it now. Until {@link #letGo} nobody else does. */
    void workOn(KeptOriginal kept) throws IOException {
        AT_WORK.add(kept.id());
        try {
            write(kept);
        } catch (IOException problem) {
            AT_WORK.remove(kept.id());
            throw problem;
        }
    }

    void letGo(KeptOriginal kept) {
        AT_WORK.remove(kept.id());
    }

    /** Whether the process that wrote the record is still at it. */
    static boolean isAtWork(KeptOriginal kept) throws IOException {
        return kept.owner().equals(ProcessIdentity.ofThisProcess())
                ? AT_WORK.contains(kept.id())
                : kept.stage() != KeptOriginal.Stage.KEPT && kept.owner().isAlive();
    }

    void write(KeptOriginal kept) throws IOException {
        Files.createDirectories(
                directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Path fresh = directory.resolve(kept.id() + ".new");
        Files.deleteIfExists(fresh);
        try (FileChannel channel = FileChannel.open(
                fresh,
                EnumSet.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
            ByteBuffer text = ByteBuffer.wrap(KeptOriginalJson.write(kept).getBytes(StandardCharsets.UTF_8));
            while (text.hasRemaining()) {
                channel.write(text);
            }
            channel.force(true);
        }
        Renames.replace(fresh, directory.resolve(kept.id() + SUFFIX));
        Renames.syncDirectory(directory);
    }

    void forget(KeptOriginal kept) throws IOException {
        Files.deleteIfExists(directory.resolve(kept.id() + SUFFIX));
        Renames.syncDirectory(directory);
    }
}
