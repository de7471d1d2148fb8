package virtshrink.metrics;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/**
 * The figures as a file for the textfile collector of node_exporter, which reads whatever ends in {@code .prom} at any moment: it sees the old
 * figures or the new ones, whole.
 */
final class TextFile {
    private final Path file;

    TextFile(Path file) {
        this.file = file;
    }

    void write(byte[] text) throws IOException {
        // No name that the collector would read, and none that someone else could have laid a link under.
        Path fresh = file.resolveSibling("." + file.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        try {
            try (FileChannel channel =
                    FileChannel.open(fresh, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE))) {
                // The collector runs as another user, and our own umask keeps everything from others.
                Files.setPosixFilePermissions(fresh, PosixFilePermissions.fromString("rw-r--r--"));
                ByteBuffer rest = ByteBuffer.wrap(text);
                while (rest.hasRemaining()) {
                    channel.write(rest);
                }
                channel.force(true);
            }
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException problem) {
            Files.deleteIfExists(fresh);
            throw problem;
        }
    }

    @Override
    public String toString() {
        return file.toString();
    }
}
