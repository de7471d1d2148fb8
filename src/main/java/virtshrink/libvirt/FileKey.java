package virtshrink.libvirt;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;

/** What makes two paths the same file: device and inode, symbolic links followed; for what cannot be looked at, its path. */
sealed interface FileKey {
    record Inode(Object device, Object inode) implements FileKey {}

    record Unseen(Path path) implements FileKey {}

    static FileKey of(Path file) {
        try {
            Map<String, Object> attributes = Files.readAttributes(file, "unix:dev,ino");
            return new Inode(
                    Objects.requireNonNull(attributes.get("dev")), Objects.requireNonNull(attributes.get("ino")));
        } catch (IOException e) {
            // Missing or unreachable files can still be the same by name.
            return new Unseen(file.toAbsolutePath().normalize());
        }
    }
}
