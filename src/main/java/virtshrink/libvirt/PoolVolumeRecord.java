package virtshrink.libvirt;

import java.nio.file.Path;
import java.util.Optional;

/**
 * A volume of an active pool whose volumes are files, as libvirt saw it when the pool was last refreshed.
 *
 * @param format as libvirt probed it; a hint, never trusted for reading
 * @param backing the file below it, if it has one
 * @param backingFormat format of that file as the volume's header names it
 */
record PoolVolumeRecord(
        String pool,
        String name,
        Path path,
        Optional<String> format,
        Optional<Path> backing,
        Optional<String> backingFormat) {}
