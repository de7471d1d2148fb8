package virtshrink.image;

import java.io.IOException;
import java.nio.file.Path;
import virtshrink.os.FileStatus;
import virtshrink.os.Hosts;

/**
 * Whether somebody with fewer rights than this process could put other files under the names it works with. qemu's tools open files by name;
 * in a directory of another user, who can rename what is in it, root would write through a symbolic link of that user's choice.
 *
 * <p>Group write permission is trusted: whoever gave it made the group the directory's administrator.
 */
final class TrustedDirectory {
    private static final int OTHERS_WRITE = 0002;
    private static final int STICKY = 01000;

    private TrustedDirectory() {}

    /**
     * Looks at the file's directory and everything above it.
     *
     * @param file symbolic links resolved
     * @throws ImageRefusedException if another user than root or this one owns any of them, or anybody may rename files in it
     */
    static void require(Path file) throws IOException, ImageRefusedException {
        int self = Hosts.effectiveUid();
        Path directory = file.getParent();
        while (directory != null) {
            FileStatus status = FileStatus.of(directory);
            if (status.uid() != 0 && status.uid() != self) {
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
    }
}
