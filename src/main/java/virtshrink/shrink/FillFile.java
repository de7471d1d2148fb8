package virtshrink.shrink;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import virtshrink.os.Errno;
import virtshrink.os.FileSystemType;
import virtshrink.os.InodeFlags;
import virtshrink.os.OpenFile;
import virtshrink.os.OsException;

/**
 * A file of zeros without a name, so that whatever ends the program, {@code SIGKILL} included, the kernel gives its space back. Where a
 * filesystem cannot make such a file it loses its name before the first byte is written. (Through FUSE it has a hidden name then, which the
 * FUSE library takes away with the last close.)
 */
final class FillFile {
    private static final String PREFIX = ".virt-shrink-fill-";
    private static final Pattern NAME = Pattern.compile(Pattern.quote(PREFIX) + "[0-9a-f]{16}");
    private static final SecureRandom RANDOM = new SecureRandom();

    private FillFile() {}

    static OpenFile create(Path directory) throws IOException {
        OpenFile file = createWithoutName(directory);
        try {
            keepUncompressed(directory, file);
        } catch (IOException e) {
            file.close();
            throw e;
        }
        return file;
    }

    private static OpenFile createWithoutName(Path directory) throws IOException {
        try {
            return OpenFile.createUnnamed(directory);
        } catch (OsException e) {
            if (!e.is(Errno.EOPNOTSUPP) && !e.is(Errno.EISDIR) && !e.is(Errno.EINVAL) && !e.is(Errno.ENOSYS)) {
                throw e;
            }
        }
        byte[] random = new byte[8];
        RANDOM.nextBytes(random);
        Path path = directory.resolve(PREFIX + HexFormat.of().formatHex(random));
        OpenFile file = OpenFile.createPrivate(path);
        try {
            // Another run may have taken it for a leftover and been faster.
            Files.deleteIfExists(path);
        } catch (IOException e) {
            file.close();
            throw new IOException("the filesystem does not let a file be removed while it is open: " + path, e);
        }
        return file;
    }

    /** Zeros that btrfs compresses fill nothing. */
    private static void keepUncompressed(Path directory, OpenFile file) throws IOException {
        OptionalInt flags = file.inode().flags();
        if (flags.isPresent() && FileSystemType.of(directory) == FileSystemType.BTRFS) {
            file.inode().setFlags((flags.getAsInt() & ~InodeFlags.COMPR) | InodeFlags.NOCOW);
        }
    }

    /** Removes what a run left that was killed between creating its file and removing the name. */
    static void removeLeftovers(Path directory) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory, PREFIX + "*")) {
            for (Path entry : entries) {
                if (NAME.matcher(entry.getFileName().toString()).matches()
                        && Files.isRegularFile(entry, LinkOption.NOFOLLOW_LINKS)) {
                    Files.deleteIfExists(entry);
                }
            }
        }
    }
}
