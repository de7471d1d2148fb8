package virtshrink.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import virtshrink.os.FileStatus;
import virtshrink.os.Hosts;

/**
 * Whether somebody with fewer rights than this process could put other files under the names it works with. qemu's tools open files by name;
 * in a directory of another user, who can rename what is in it, root would write through a symbolic link of that user's choice.
 *
 * <p>Group write permission is trusted: whoever gave it made the group the directory's administrator. In a sticky directory for everybody,
 * such as {@code /tmp}, a file's owner may still exchange that file.
 */
final class TrustedDirectory {
    private static final int OTHERS_WRITE = 0002;
    private static final int STICKY = 01000;

    private TrustedDirectory() {}

    /**
     * Looks at the file's directory and everything above it.
     *
     * @param file symbolic links resolved
     * @throws ImageRefusedException if another user than root or this one owns any of them, or anybody may rename files in it, or the file's
     *     owner may exchange the file
     */
    static void require(Path file) throws IOException, ImageRefusedException {
        Path directory = file.getParent();
        while (directory != null) {
            FileStatus status = FileStatus.of(directory);
            if (isOthers(status)) {
                throw new ImageRefusedException(
                        ImageRefusedException.Kind.HOST_FILESYSTEM,
                        "%s belongs to user %s, who could exchange files while they are worked on; run as that user, or give the directory to root"
                                .formatted(directory, Integer.toUnsignedString(status.uid())));
            }
            if ((status.permissions() & OTHERS_WRITE) != 0 && (status.permissions() & STICKY) == 0) {
                throw new ImageRefusedException(
                        ImageRefusedException.Kind.HOST_FILESYSTEM,
                        directory + " can be written by everybody, who could exchange files while they are worked on");
            }
            directory = directory.getParent();
        }
        requireNotExchangedByItsOwner(file);
    }

    /** The directories above are themselves of trusted owners. */
    private static void requireNotExchangedByItsOwner(Path file) throws IOException, ImageRefusedException {
        Path directory = file.getParent();
        if (directory != null
                && (FileStatus.of(directory).permissions() & OTHERS_WRITE) != 0
                && Files.exists(file, LinkOption.NOFOLLOW_LINKS)
                && isOthers(FileStatus.ofLink(file))) {
            throw new ImageRefusedException(
                    ImageRefusedException.Kind.HOST_FILESYSTEM,
                    "%s can be written by everybody, and %s belongs to another user, who could exchange it while it is worked on"
                            .formatted(directory, file.getFileName()));
        }
    }

    private static boolean isOthers(FileStatus status) {
        return status.uid() != 0 && status.uid() != Hosts.effectiveUid();
    }
}
