package virtshrink.mount;

import java.util.List;

/**
 * A filesystem that the host's kernel may mount, although this program has no reader for it.
 *
 * @param type as {@code blkid(8)} names it
 * @param kernelName as {@code mount -t} wants it
 * @param options on top of those that every mount gets
 */
public record KernelFilesystem(String type, String kernelName, List<String> options) {
    /**
     * The ones that say of themselves, before anything is mounted, whether they were closed, and that Linux either writes without a journal or
     * refuses to mount when the journal was not closed. Not here: HFS+ (its driver is nobody's, and macOS has a journal that Linux ignores),
     * NILFS2 (keeps the zeros in checkpoints of the past), Minix of version 3 (no such mark), OCFS2 and GFS2 (of clusters), all that Linux only
     * reads, and all that have a reader.
     */
    public static final List<KernelFilesystem> ALL = List.of(
            new KernelFilesystem("udf", "udf", List.of()),
            new KernelFilesystem("jfs", "jfs", List.of("errors=remount-ro")),
            new KernelFilesystem("reiserfs", "reiserfs", List.of()));

    public KernelFilesystem {
        options = List.copyOf(options);
    }
}
