package virtshrink.os;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What a file lies on, as far as two files that lie on the same get in each other's way: the block device that is mounted there as
 * {@code /proc/self/mountinfo} names it, and for a filesystem without one, such as NFS or tmpfs, the filesystem by its {@code st_dev}. Subvolumes
 * of one btrfs are therefore one device, although each has an {@code st_dev} of its own; two partitions of one disk are two.
 *
 * @param name for messages and comparison
 */
public record StorageDevice(String name) {
    /**
     * Of a file or directory that exists, symbolic links resolved.
     *
     * @throws IOException if it cannot be looked at
     */
    public static StorageDevice of(Path path) throws IOException {
        Optional<String> source = Mount.of(path).map(Mount::source).filter(text -> text.startsWith("/dev/"));
        return new StorageDevice(
                source.isPresent()
                        ? source.get()
                        : "filesystem "
                                + Long.toUnsignedString(FileStatus.of(path).device()));
    }
}
