package virtshrink.mount;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import virtshrink.image.HostDevices;
import virtshrink.image.NbdDevice;
import virtshrink.os.Errno;
import virtshrink.os.FileStatus;
import virtshrink.os.OpenFile;
import virtshrink.os.OsException;

/**
 * One run's word to all others that a device is its own: a locked file under the device's name, and a line in the run's record. The kernel gives
 * the lock up with the process; the file's being there keeps udev's rules from making links to the device.
 */
final class DeviceClaim implements AutoCloseable {
    private final HostDevices host;
    private final NbdDevice device;
    private final OpenFile file;

    private DeviceClaim(HostDevices host, NbdDevice device, OpenFile file) {
        this.host = host;
        this.device = device;
        this.file = file;
    }

    /** Claims a device; empty if another run has it. */
    static Optional<DeviceClaim> tryTake(HostDevices host, NbdDevice device) throws IOException {
        Path path = directory(host).resolve(device.name());
        Optional<OpenFile> opened = openOrCreate(path);
        if (opened.isEmpty()) {
            return Optional.empty();
        }
        OpenFile file = opened.get();
        DeviceClaim claim = new DeviceClaim(host, device, file);
        try {
            // Whoever had it may have removed the file between our opening and our locking: then it says nothing.
            if (file.tryExclusiveFlock() && leadsTo(path, file) && device.isFree()) {
                host.register().taken(device.name());
                return Optional.of(claim);
            }
            file.close();
            return Optional.empty();
        } catch (IOException | RuntimeException problem) {
            file.close();
            throw problem;
        }
    }

    private static Path directory(HostDevices host) throws IOException {
        try {
            return Files.createDirectory(
                    host.claims(), PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        } catch (FileAlreadyExistsException there) {
            return host.claims();
        }
    }

    /** Empty if whoever had it is removing it in this moment. */
    private static Optional<OpenFile> openOrCreate(Path path) throws IOException {
        try {
            return Optional.of(OpenFile.createPrivate(path));
        } catch (OsException e) {
            if (!e.is(Errno.EEXIST)) {
                throw e;
            }
        }
        try {
            return Optional.of(OpenFile.readWrite(path));
        } catch (OsException e) {
            if (e.is(Errno.ENOENT)) {
                return Optional.empty();
            }
            throw e;
        }
    }

    private static boolean leadsTo(Path path, OpenFile file) throws IOException {
        try {
            return FileStatus.ofLink(path).identity().equals(file.status().identity());
        } catch (OsException e) {
            if (e.is(Errno.ENOENT)) {
                return false;
            }
            throw e;
        }
    }

    /** To be called when the kernel says that the device is free, or when it is somebody else's. */
    @Override
    public void close() throws IOException {
        try {
            Files.deleteIfExists(file.path());
            host.register().free(device.name());
        } finally {
            file.close();
        }
    }
}
