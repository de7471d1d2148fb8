package virtshrink.libvirt;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.w3c.dom.Element;
import virtshrink.libvirt.DomainDisk.Location;
import virtshrink.libvirt.DomainDisk.Mark;
import virtshrink.libvirt.SafeXml.MalformedXmlException;

/** What is needed of a domain's XML (libvirt's "Domain XML format"). Pure: no file is looked at. */
record DomainXml(String name, UUID uuid, Optional<String> title, List<DomainDisk> disks) {
    /** Deeper than any chain that qemu opens. */
    private static final int MAXIMUM_BACKING = 256;

    DomainXml {
        disks = List.copyOf(disks);
    }

    /** Parses {@code <domain>}. */
    static DomainXml parse(String xml) throws MalformedXmlException {
        Element domain = SafeXml.parse(xml, "domain");
        return new DomainXml(
                SafeXml.child(domain, "name")
                        .flatMap(SafeXml::text)
                        .orElseThrow(() -> new MalformedXmlException("domain without <name>")),
                uuid(domain),
                SafeXml.child(domain, "title").flatMap(SafeXml::text),
                disks(domain));
    }

    /**
     * All disks that a {@code <domainsnapshot>} speaks of: those of the definition kept in it, and the overlays it made.
     */
    static List<DomainDisk> parseSnapshotDisks(String xml) throws MalformedXmlException {
        Element snapshot = SafeXml.parse(xml, "domainsnapshot");
        List<DomainDisk> found = new ArrayList<>();
        for (String definition : List.of("domain", "inactiveDomain")) {
            for (Element domain : SafeXml.children(snapshot, definition)) {
                found.addAll(disks(domain));
            }
        }
        for (Element disks : SafeXml.children(snapshot, "disks")) {
            // Here the guest's name is an attribute, and the driver element is optional.
            SafeXml.children(disks, "disk").stream()
                    .filter(disk -> SafeXml.child(disk, "source").isPresent())
                    .map(disk -> disk(disk, SafeXml.attribute(disk, "name").orElse("?")))
                    .forEach(found::add);
        }
        return found;
    }

    private static UUID uuid(Element domain) throws MalformedXmlException {
        String text = SafeXml.child(domain, "uuid").flatMap(SafeXml::text).orElse("");
        try {
            return UUID.fromString(text);
        } catch (IllegalArgumentException e) {
            throw new MalformedXmlException("domain with the UUID '" + text + "'", e);
        }
    }

    private static List<DomainDisk> disks(Element domain) {
        return SafeXml.child(domain, "devices").stream()
                .flatMap(devices -> SafeXml.children(devices, "disk").stream())
                .map(disk -> disk(
                        disk,
                        SafeXml.child(disk, "target")
                                .flatMap(target -> SafeXml.attribute(target, "dev"))
                                .orElse("?")))
                .toList();
    }

    private static DomainDisk disk(Element disk, String target) {
        DiskSource source = source(disk);
        Optional<Element> driver = SafeXml.child(disk, "driver");
        Optional<Element> mirror = SafeXml.child(disk, "mirror");
        return new DomainDisk(
                target,
                SafeXml.attribute(disk, "device").orElse("disk"),
                source,
                location(source),
                driver.flatMap(element -> SafeXml.attribute(element, "type")),
                List.copyOf(marks(disk)),
                mirror.map(element -> SafeXml.attribute(element, "job").orElse("copy")),
                SafeXml.child(disk, "blockio")
                        .flatMap(blockio -> SafeXml.attribute(blockio, "logical_block_size"))
                        .map(DomainXml::sectorBytes)
                        .orElse(512L),
                backing(disk),
                Stream.concat(mirror.stream(), SafeXml.descend(disk, "source", "dataStore").stream())
                        .flatMap(element -> file(element).stream())
                        .toList());
    }

    /** Anything but a small decimal number becomes 0, which no rule accepts. */
    private static long sectorBytes(String text) {
        return text.matches("[0-9]{1,9}") ? Long.parseLong(text) : 0;
    }

    private static Set<Mark> marks(Element disk) {
        Set<Mark> marks = EnumSet.noneOf(Mark.class);
        mark(marks, Mark.SHAREABLE, disk, "shareable");
        mark(marks, Mark.READONLY, disk, "readonly");
        mark(marks, Mark.TRANSIENT, disk, "transient");
        mark(marks, Mark.ENCRYPTED, disk, "encryption");
        mark(marks, Mark.ENCRYPTED, disk, "source", "encryption");
        mark(marks, Mark.SLICES, disk, "source", "slices");
        mark(marks, Mark.DATA_STORE, disk, "source", "dataStore");
        return marks;
    }

    private static void mark(Set<Mark> marks, Mark mark, Element disk, String... path) {
        if (SafeXml.descend(disk, path).isPresent()) {
            marks.add(mark);
        }
    }

    /** The source of a {@code <disk>}, {@code <backingStore>} or {@code <mirror>}: the type is on the element, the rest below it. */
    private static DiskSource source(Element holder) {
        String type = SafeXml.attribute(holder, "type").orElse("file");
        Optional<Element> source = SafeXml.child(holder, "source");
        switch (type) {
            case "file" -> {
                return source.flatMap(element -> SafeXml.attribute(element, "file"))
                        .map(DomainXml::imageFile)
                        .orElseGet(DiskSource.Empty::new);
            }
            case "volume" -> {
                return source.<DiskSource>map(element ->
                                new DiskSource.PoolVolume(element.getAttribute("pool"), element.getAttribute("volume")))
                        .orElseGet(DiskSource.Empty::new);
            }
            default -> {
                String detail = source.map(element -> Stream.of("dev", "dir", "protocol", "path", "type")
                                .flatMap(name -> SafeXml.attribute(element, name).stream())
                                .findFirst()
                                .orElse(""))
                        .orElse("");
                return source.isEmpty() && type.equals("block")
                        ? new DiskSource.Empty()
                        : new DiskSource.NoFile(type, detail);
            }
        }
    }

    private static DiskSource imageFile(String text) {
        return SafeXml.absolutePath(text)
                .<DiskSource>map(DiskSource.ImageFile::new)
                .orElseGet(() -> new DiskSource.BadPath(
                        text, "it is not absolute, or has characters that the locale of this process cannot express"));
    }

    private static Location location(DiskSource source) {
        if (source instanceof DiskSource.ImageFile image) {
            return new Location.Found(image.path());
        } else if (source instanceof DiskSource.PoolVolume volume) {
            return new Location.None(
                    "the storage pool " + volume.pool() + " was not asked for its volume " + volume.volume());
        } else if (source instanceof DiskSource.BadPath bad) {
            return new Location.None("its path '" + bad.text() + "' cannot be used: " + bad.reason());
        }
        return new Location.None("it is no file of this host");
    }

    private static Optional<Path> file(Element holder) {
        // A mirror may name its file on the element itself (the older spelling) or in a source below it.
        return SafeXml.child(holder, "source")
                .flatMap(source -> SafeXml.attribute(source, "file"))
                .or(() -> SafeXml.attribute(holder, "file"))
                .flatMap(SafeXml::absolutePath);
    }

    private static StatedBacking backing(Element disk) {
        Optional<Element> below = SafeXml.child(disk, "backingStore");
        if (below.isEmpty()) {
            return new StatedBacking.Unstated();
        }
        List<Path> files = new ArrayList<>();
        boolean onlyFiles = true;
        for (int depth = 0; depth < MAXIMUM_BACKING && below.isPresent(); depth++) {
            Element element = below.get();
            if (SafeXml.attribute(element, "type").isEmpty()
                    && SafeXml.child(element, "source").isEmpty()) {
                return new StatedBacking.Chain(files, true, onlyFiles);
            }
            Optional<Path> file = file(element);
            file.ifPresent(files::add);
            onlyFiles &= file.isPresent();
            below = SafeXml.child(element, "backingStore");
        }
        return new StatedBacking.Chain(files, false, onlyFiles);
    }
}
