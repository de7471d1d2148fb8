package virtshrink.libvirt;

import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerException;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import virtshrink.image.ImagePlace;
import virtshrink.libvirt.SafeXml.MalformedXmlException;

/** Gives one disk in a domain's XML another image file; everything else stays. Pure. */
final class DiskEdit {
    private final String target;
    private final ImagePlace from;
    private final ImagePlace to;

    /** @param from what the disk must be before */
    DiskEdit(String target, ImagePlace from, ImagePlace to) {
        this.target = target;
        this.from = from;
        this.to = to;
    }

    /**
     * The new definition.
     *
     * @throws RedefinitionRefusedException if the disk is not, or not only, a plain file of that name and format
     */
    String apply(String domainXml) throws MalformedXmlException, RedefinitionRefusedException {
        Element domain = SafeXml.parse(domainXml, "domain");
        Element disk = disk(domain);
        String type = SafeXml.attribute(disk, "type").orElse("file");
        if (!type.equals("file")) {
            throw new RedefinitionRefusedException("the disk " + target + " is defined as a " + type
                    + ", not as a file: only a <disk type='file'> can be given another one");
        }
        Element source = SafeXml.child(disk, "source")
                .orElseThrow(() -> new RedefinitionRefusedException("the disk " + target + " has no source"));
        Optional<Element> driver = SafeXml.child(disk, "driver");
        String format =
                driver.flatMap(element -> SafeXml.attribute(element, "type")).orElse("raw");
        if (!sameFile(source.getAttribute("file"))
                || !format.equals(from.format().qemuName())) {
            throw new RedefinitionRefusedException(
                    "the disk " + target + " is no longer the " + from.format().qemuName() + " image " + from.file());
        }
        source.setAttribute("file", to.file().toString());
        // What it says of backing files is about the other image.
        SafeXml.children(disk, "backingStore").forEach(disk::removeChild);
        driver.orElseGet(() -> addedDriver(disk))
                .setAttribute("type", to.format().qemuName());
        return text(domain);
    }

    private Element disk(Element domain) throws RedefinitionRefusedException {
        List<Element> disks = SafeXml.child(domain, "devices").stream()
                .flatMap(devices -> SafeXml.children(devices, "disk").stream())
                .filter(disk -> SafeXml.child(disk, "target")
                        .filter(found -> found.getAttribute("dev").equals(target))
                        .isPresent())
                .toList();
        if (disks.size() != 1) {
            throw new RedefinitionRefusedException("the definition has " + disks.size() + " disks " + target);
        }
        return disks.get(0);
    }

    private boolean sameFile(String name) {
        Optional<Path> named = SafeXml.absolutePath(name);
        return named.isPresent() && FileKey.of(named.get()).equals(FileKey.of(from.file()));
    }

    private static Element addedDriver(Element disk) {
        Element driver = disk.getOwnerDocument().createElement("driver");
        driver.setAttribute("name", "qemu");
        Node first = disk.getFirstChild();
        disk.insertBefore(driver, first);
        return driver;
    }

    private static String text(Element domain) {
        try {
            Transformer plain = TransformerFactory.newDefaultInstance().newTransformer();
            plain.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
            StringWriter text = new StringWriter();
            plain.transform(new DOMSource(domain), new StreamResult(text));
            return text.toString();
        } catch (TransformerException e) {
            throw new IllegalStateException("a document that was just read cannot be written", e);
        }
    }
}
