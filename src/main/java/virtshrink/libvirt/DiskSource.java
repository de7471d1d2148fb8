package virtshrink.libvirt;

import java.nio.file.Path;

/** What a disk of a domain is made of, as its XML says. */
public sealed interface DiskSource {
    /** An image file. */
    record ImageFile(Path path) implements DiskSource {}

    /** A volume of a storage pool, by their names. */
    record PoolVolume(String pool, String volume) implements DiskSource {}

    /**
     * Something that is no file of this host.
     *
     * @param type the XML's word: {@code block}, {@code network}, {@code nvme}, {@code vhostuser}, {@code dir}, …
     * @param detail the device, protocol or directory; may be empty
     */
    record NoFile(String type, String detail) implements DiskSource {}

    /** An empty drive. */
    record Empty() implements DiskSource {}

    /** A path in the XML that names no file of this host in this process. */
    record BadPath(String text, String reason) implements DiskSource {}
}
