package virtshrink.shrink;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import virtshrink.os.FileStatus;
import virtshrink.os.FileSystemType;
import virtshrink.os.Mount;

/** Decides whether a directory's filesystem may be filled to its last block. */
final class FillTarget {
    /** A filesystem that holds one of these is the running system's own: while it is full, services fail and other guests are paused. */
    private static final List<Path> SYSTEM_DIRECTORIES = List.of(
            Path.of("/"),
            Path.of("/boot"),
            Path.of("/home"),
            Path.of("/opt"),
            Path.of("/srv"),
            Path.of("/tmp"),
            Path.of("/usr"),
            Path.of("/var"),
            Path.of("/var/lib"),
            Path.of("/var/lib/libvirt"),
            Path.of("/var/lib/libvirt/images"),
            Path.of("/var/log"),
            Path.of("/var/tmp"));

    private FillTarget() {}

    /**
     * Judges a directory.
     *
     * @param force fill the running system's own or a network filesystem all the same
     */
    static void judge(Path directory, boolean force) throws FillRefusedException, IOException {
        FileStatus status = FileStatus.of(directory);
        if (!status.directory()) {
            throw new FillRefusedException(directory + " is not a directory");
        }
        FileSystemType type = FileSystemType.of(directory);
        if (type.inMemory()) {
            throw new FillRefusedException(directory + " is in memory: filling it would free nothing on any disk");
        }
        if (force) {
            return;
        }
        if (type.sharedBetweenHosts()) {
            throw new FillRefusedException(directory
                    + " is on a network filesystem: filling it would take the space from" + " everybody who uses it");
        }
        Optional<Path> system = systemDirectoryOn(directory, status);
        if (system.isPresent()) {
            throw new FillRefusedException(
                    "%s is on the same filesystem as %s of the running system, which would be full for a while"
                            .formatted(directory, system.get()));
        }
    }

    private static Optional<Path> systemDirectoryOn(Path directory, FileStatus status) throws IOException {
        Optional<Mount> mount = Mount.of(directory);
        for (Path system : SYSTEM_DIRECTORIES) {
            if (Files.isDirectory(system)
                    && (FileStatus.of(system).device() == status.device() || isSameDisk(mount, Mount.of(system)))) {
                return Optional.of(system);
            }
        }
        return Optional.empty();
    }

    /** Subvolumes of one btrfs have different device numbers but share their space. */
    private static boolean isSameDisk(Optional<Mount> one, Optional<Mount> other) {
        return one.isPresent()
                && other.isPresent()
                && one.get().source().startsWith("/dev/")
                && one.get().source().equals(other.get().source());
    }
}
