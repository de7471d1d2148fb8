package virtshrink.image;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import virtshrink.image.TemporaryNames.Role;
import virtshrink.os.Errno;
import virtshrink.os.FileSystemType;
import virtshrink.os.InodeFlags;
import virtshrink.os.OpenFile;
import virtshrink.os.OsException;
import virtshrink.os.ReflinkProbe;
import virtshrink.os.Renames;

/**
 * What the host's filesystem can do for the last step, found out by doing it on scratch files before any work is invested.
 *
 * @param exchange {@code renameat2(RENAME_EXCHANGE)} works
 * @param leases whether anybody else has a file open can be asked
 * @param reflink blocks of the image can be shared with a new file beside it
 */
public record SwapCapabilities(boolean exchange, boolean leases, boolean reflink) {
    /** {@code NAME_MAX} of every filesystem that matters. */
    private static final int MOST_NAME_BYTES = 255;

    /**
     * Tries every step of the swap.
     *
     * @throws IOException if no file can be made or renamed here
     * @throws ImageRefusedException if the new file could not be given the original's owner or attributes, or a name would be too long
     */
    public static SwapCapabilities probe(ImageLock lock, Path image, String runId)
            throws IOException, ImageRefusedException {
        requireChangeable(image);
        TemporaryNames names = new TemporaryNames(image, runId);
        requireShort(names.forExchange(lock.recorded(), lock.recorded()));
        Path first = names.of(Role.PROBE);
        Path second = names.of(Role.PROBE_TWIN);
        try (ReplacementFile a = scratch(first);
                ReplacementFile b = scratch(second)) {
            try {
                FileAttributes.prepareEmpty(lock.file(), a.file());
                FileAttributes.transfer(lock.file(), a.file());
            } catch (IOException problem) {
                throw new ImageRefusedException(
                        ImageRefusedException.Kind.HOST_FILESYSTEM,
                        "a new file beside " + image
                                + " cannot be given the image's owner and attributes (" + problem.getMessage()
                                + "); run as root, or check the mount's options");
            }
            return new SwapCapabilities(canExchange(a.path(), b.path()), canLease(a.file()), canReflink(lock, names));
        }
    }

    /** For a new file that replaces nothing. */
    static SwapCapabilities probeReflinkOnly(ImageLock lock, Path output, String runId)
            throws IOException, ImageRefusedException {
        requireChangeable(output);
        TemporaryNames names = new TemporaryNames(output, runId);
        try (ReplacementFile probe = scratch(names.of(Role.PROBE))) {
            return new SwapCapabilities(false, false, Files.exists(probe.path()) && canReflink(lock, names));
        }
    }

    private static void requireShort(Path longest) throws ImageRefusedException {
        if (String.valueOf(longest.getFileName()).getBytes(StandardCharsets.UTF_8).length > MOST_NAME_BYTES) {
            throw new ImageRefusedException(
                    ImageRefusedException.Kind.HOST_FILESYSTEM,
                    "the image's name is too long: temporary files beside it have up to 100 bytes more, and "
                            + MOST_NAME_BYTES + " are possible");
        }
    }

    /** In an append-only directory files can be made, but neither renamed nor removed again. */
    private static void requireChangeable(Path file) throws IOException {
        Path place = file.resolveSibling(".").normalize();
        try (OpenFile directory = OpenFile.directory(place)) {
            int flags = directory.inode().flags().orElse(0);
            if ((flags & (InodeFlags.IMMUTABLE | InodeFlags.APPEND)) != 0) {
                throw new IOException(
                        "nothing can be renamed in " + place + ": it is immutable or append-only (chattr)");
            }
        }
    }

    private static ReplacementFile scratch(Path path) throws IOException, ImageRefusedException {
        try {
            return ReplacementFile.create(path);
        } catch (IOException problem) {
            Optional<String> sandboxed = problem instanceof OsException failed && failed.is(Errno.EROFS)
                    ? ServiceSandbox.ofProcess()
                            .whyReadOnly(path.resolveSibling(".").normalize())
                    : Optional.empty();
            if (sandboxed.isPresent()) {
                throw new ImageRefusedException(ImageRefusedException.Kind.HOST_FILESYSTEM, sandboxed.get());
            }
            throw new IOException("no file can be made beside the image (" + problem.getMessage() + ")", problem);
        }
    }

    private static boolean canExchange(Path a, Path b) throws IOException {
        try {
            Renames.exchange(a, b);
            // Back again: each file is removed under the name it was made with.
            Renames.exchange(a, b);
            return true;
        } catch (OsException problem) {
            if (problem.isUnsupported()) {
                return false;
            }
            throw problem;
        }
    }

    private static boolean canLease(OpenFile file) throws IOException {
        try {
            return FileSystemType.of(file.path()).leasesAreComplete() && file.isOnlyOpener();
        } catch (OsException problem) {
            if (problem.isUnsupported()) {
                return false;
            }
            throw problem;
        }
    }

    private static boolean canReflink(ImageLock lock, TemporaryNames names) throws IOException {
        Path scratch = names.of(Role.NEW);
        try {
            return ReflinkProbe.canClone(lock.file(), scratch);
        } finally {
            Files.deleteIfExists(scratch);
        }
    }
}
