package virtshrink.image;

import java.nio.file.Path;
import java.util.Locale;

/**
 * How {@code qemu-nbd} serves an image. Made by {@link #readOnly} or {@link #writable} and the {@code with} methods; immutable.
 *
 * @param socket does not exist yet; in a directory that only this user may enter; at most 107 bytes long
 * @param unmap discards and, with {@code detectZeroes}, zeros give space back
 * @param detectZeroes written zeros are not stored
 * @param allocationDepth offers the meta context {@code qemu:allocation-depth}
 * @param connections how many at once, at least 1
 */
public record ServeOptions(
        ImageNode image,
        Path socket,
        boolean readOnly,
        boolean unmap,
        boolean detectZeroes,
        boolean allocationDepth,
        int connections,
        CacheMode cache) {
    public ServeOptions {
        if (connections < 1 || !socket.isAbsolute() || (detectZeroes && !unmap)) {
            throw new IllegalArgumentException("socket %s, %d connections, detect zeroes %b, unmap %b"
                    .formatted(socket, connections, detectZeroes, unmap));
        }
    }

    /** One connection, read-only, with allocation depth. */
    public static ServeOptions readOnly(ImageNode image, Path socket) {
        return new ServeOptions(image, socket, true, false, false, true, 1, CacheMode.WRITEBACK);
    }

    /** One connection, with allocation depth; discards and zeros give space back. */
    public static ServeOptions writable(ImageNode image, Path socket) {
        return new ServeOptions(image, socket, false, true, true, true, 1, CacheMode.WRITEBACK);
    }

    public ServeOptions withConnections(int count) {
        return new ServeOptions(image, socket, readOnly, unmap, detectZeroes, allocationDepth, count, cache);
    }

    public ServeOptions withCache(CacheMode mode) {
        return new ServeOptions(image, socket, readOnly, unmap, detectZeroes, allocationDepth, connections, mode);
    }

    /** What of the host's page cache is used; see qemu-nbd(8). */
    public enum CacheMode {
        /** Through the page cache; a flush reaches the disk. */
        WRITEBACK,
        /** Through the page cache; flushes do nothing: only for files that nobody keeps. */
        UNSAFE,
        /** Past the page cache. */
        NONE;

        String qemuName() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
