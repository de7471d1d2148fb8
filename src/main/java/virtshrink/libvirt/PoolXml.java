package virtshrink.libvirt;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.w3c.dom.Element;
import virtshrink.libvirt.SafeXml.MalformedXmlException;

/**
 * What is needed of a storage pool's XML (libvirt's "Storage pool and volume XML format").
 *
 * @param directory where its volumes lie, for a pool whose volumes are files
 */
record PoolXml(String name, String type, Optional<Path> directory) {
    private static final List<String> TYPES_OF_FILES = List.of("dir", "fs", "netfs");

    static PoolXml parse(String xml) throws MalformedXmlException {
        Element pool = SafeXml.parse(xml, "pool");
        return new PoolXml(
                SafeXml.child(pool, "name")
                        .flatMap(SafeXml::text)
                        .orElseThrow(() -> new MalformedXmlException("pool without <name>")),
                SafeXml.attribute(pool, "type").orElse(""),
                SafeXml.descend(pool, "target", "path").flatMap(SafeXml::text).flatMap(SafeXml::absolutePath));
    }

    boolean holdsFiles() {
        return TYPES_OF_FILES.contains(type);
    }

    /** A {@code <volume>} of this pool; empty if it is no file. */
    Optional<PoolVolumeRecord> parseVolume(String xml) throws MalformedXmlException {
        Element volume = SafeXml.parse(xml, "volume");
        boolean isFile = SafeXml.attribute(volume, "type").orElse("file").equals("file");
        Optional<Path> path =
                SafeXml.descend(volume, "target", "path").flatMap(SafeXml::text).flatMap(SafeXml::absolutePath);
        return path.filter(file -> isFile)
                .map(file -> new PoolVolumeRecord(
                        name,
                        SafeXml.child(volume, "name").flatMap(SafeXml::text).orElse("?"),
                        file,
                        format(volume, "target"),
                        SafeXml.descend(volume, "backingStore", "path")
                                .flatMap(SafeXml::text)
                                .flatMap(SafeXml::absolutePath),
                        format(volume, "backingStore")));
    }

    private static Optional<String> format(Element volume, String part) {
        return SafeXml.descend(volume, part, "format").flatMap(format -> SafeXml.attribute(format, "type"));
    }
}
