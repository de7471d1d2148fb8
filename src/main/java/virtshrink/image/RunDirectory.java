package virtshrink.image;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import virtshrink.os.FileStatus;
import virtshrink.os.Hosts;

/**
 * Where runs keep their sockets and say what they are doing, so that anyone can end what a dead run left: {@code /run/virt-shrink} for
 * root, a directory of the user's own otherwise. Only its owner can list it and change it; others can pass it, where a socket in it lets them
 * in, but each run's directory is closed to them. Thread-safe.
 */
public final class RunDirectory {
    /** Of group and others: forbidden, while passing through is not. */
    private static final int LIST_OR_WRITE = 0066;

    private final Path directory;

    private RunDirectory(Path directory) {
        this.directory = directory;
    }

    /** The directory for this user, or the one named by {@code VIRT_SHRINK_RUN_DIRECTORY} in the environment; made if it is missing. */
    public static RunDirectory standard() throws IOException {
        return at(place(System.getenv()));
    }

    /**
     * A directory of that name, made if it is missing.
     *
     * @throws IOException if it cannot be made, or others than its owner could interfere
     */
    public static RunDirectory at(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            Files.createDirectories(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        }
        FileStatus status = FileStatus.ofLink(directory);
        if (!status.directory()
                || status.uid() != Hosts.effectiveUid()
                || (status.permissions() & LIST_OR_WRITE) != 0) {
            throw new IOException(directory + " must be a directory of this user with mode 0700 or 0711");
        }
        return new RunDirectory(directory);
    }

    /** Where it is. */
    public Path path() {
        return directory;
    }

    /** Where {@link #standard} looks; it may not exist. */
    public static Path standardPath() {
        return place(System.getenv());
    }

    private static Path place(Map<String, String> environment) {
        String named = environment.get("VIRT_SHRINK_RUN_DIRECTORY");
        if (named != null) {
            return Path.of(named).toAbsolutePath();
        }
        if (Hosts.effectiveUid() == 0) {
            return Path.of("/run/virt-shrink");
        }
        String runtime = environment.get("XDG_RUNTIME_DIR");
        return runtime != null
                ? Path.of(runtime, "virt-shrink")
                : Path.of("/tmp", "virt-shrink-" + Integer.toUnsignedString(Hosts.effectiveUid()));
    }

    /** One directory for each run that lives or died without cleaning up. */
    List<Path> runs() throws IOException {
        List<Path> runs = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory, Files::isDirectory)) {
            for (Path entry : entries) {
                if (!entry.equals(deviceClaims())) {
                    runs.add(entry);
                }
            }
        }
        return runs;
    }

    /**
     * Where runs say which devices of the host they hold: a file for each, under the device's name; udev's rules look there, too. Made by who needs
     * it first.
     */
    Path deviceClaims() {
        return directory.resolve("nbd");
    }

    Path of(String runId) {
        return directory.resolve(runId);
    }
}
