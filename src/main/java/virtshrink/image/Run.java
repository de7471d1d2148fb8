package virtshrink.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import virtshrink.os.Hosts;
import virtshrink.os.ProcessIdentity;

/**
 * One run on one image, registered in the run directory for as long as it lives: its process, its children, its image and domain. Whoever
 * finds the registration of a dead run knows what to end and where to clean; whoever needs the image asks for it here, see
 * {@link YieldWatch}. Thread-safe.
 */
public final class Run implements AutoCloseable {
    private static final SecureRandom RANDOM = new SecureRandom();

    private final String id;
    private final Path directory;
    private final Optional<String> domain;
    private final Path image;
    private final List<Path> companions;
    private final String bootId;
    private final ProcessIdentity owner;
    private final List<ProcessIdentity> children = new ArrayList<>();
    private final List<String> devices = new ArrayList<>();
    private boolean closed;

    private Run(
            String id,
            Path directory,
            Optional<String> domain,
            Path image,
            List<Path> companions,
            String bootId,
            ProcessIdentity owner) {
        this.id = id;
        this.directory = directory;
        this.domain = domain;
        this.image = image;
        this.companions = List.copyOf(companions);
        this.bootId = bootId;
        this.owner = owner;
    }

    /**
     * Registers a run of this process.
     *
     * @param domain whose disk the image is, if a domain is known
     * @param image symbolic links resolved
     */
    public static Run begin(RunDirectory runs, Optional<String> domain, Path image) throws IOException {
        return begin(runs, domain, image, List.of());
    }

    /**
     * As {@link #begin(RunDirectory, Optional, Path)}, for a run that keeps others from writing to more than its image.
     *
     * @param companions those other files; symbolic links resolved
     */
    static Run begin(RunDirectory runs, Optional<String> domain, Path image, List<Path> companions) throws IOException {
        byte[] random = new byte[6];
        RANDOM.nextBytes(random);
        String id = HexFormat.of().formatHex(random);
        Path directory = Files.createDirectory(
                runs.of(id), PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Run run = new Run(id, directory, domain, image, companions, Hosts.bootId(), ProcessIdentity.ofThisProcess());
        run.write();
        return run;
    }

    /** Twelve hexadecimal digits, part of the names of the run's temporary files. */
    public String id() {
        return id;
    }

    /** A private directory for the run's sockets; gone when the run is closed. */
    public Path directory() {
        return directory;
    }

    /** A child process has been started for this run. */
    public synchronized void childStarted(long pid) throws IOException {
        ProcessIdentity.of(pid).ifPresent(children::add);
        write();
    }

    /** A child process of this run has ended. */
    public synchronized void childEnded(long pid) throws IOException {
        children.removeIf(child -> child.pid() == pid);
        write();
    }

    /** This run is about to attach something to a device of the host. */
    synchronized void deviceTaken(String name) throws IOException {
        devices.add(name);
        write();
    }

    /** The kernel has confirmed that nothing is attached there any more. */
    synchronized void deviceFree(String name) throws IOException {
        devices.remove(name);
        write();
    }

    private synchronized void write() throws IOException {
        if (!closed) {
            new RunRecord(id, bootId, owner, domain, image, companions, children, devices).write(directory);
        }
    }

    /** Leaves a mark for others in the run's directory, unless the run is closed. */
    synchronized void mark(String name) throws IOException {
        if (!closed) {
            Files.createFile(directory.resolve(name));
        }
    }

    @Override
    public synchronized void close() throws IOException {
        closed = true;
        RunRecord.removeDirectory(directory);
    }
}
