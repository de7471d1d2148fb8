package virtshrink.libvirt;

import java.io.IOException;
import java.io.StringReader;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.ErrorHandler;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;
import org.xml.sax.SAXParseException;

/** XML without its dangers: no document type, so no entities of its own and nothing fetched; bounded in length. */
final class SafeXml {
    /** libvirt itself takes no more than 4 MiB for one domain over its protocol. */
    private static final int MAXIMUM_CHARACTERS = 16 << 20;

    private SafeXml() {}

    /**
     * The document's root.
     *
     * @param expectedRoot name that the root must have
     * @throws MalformedXmlException if it is not that
     */
    static Element parse(String xml, String expectedRoot) throws MalformedXmlException {
        return parse(xml, expectedRoot, false);
    }

    /** Likewise, with namespaces resolved. */
    static Element parseWithNamespaces(String xml, String expectedRoot) throws MalformedXmlException {
        return parse(xml, expectedRoot, true);
    }

    private static Element parse(String xml, String expectedRoot, boolean namespaces) throws MalformedXmlException {
        if (xml.length() > MAXIMUM_CHARACTERS) {
            throw new MalformedXmlException("XML of " + xml.length() + " characters is too long");
        }
        try {
            DocumentBuilderFactory factory = DocumentBuilderFactory.newDefaultInstance();
            factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
            factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
            factory.setXIncludeAware(false);
            factory.setExpandEntityReferences(false);
            factory.setNamespaceAware(namespaces);
            DocumentBuilder builder = factory.newDocumentBuilder();
            builder.setErrorHandler(new Strict());
            Element root = builder.parse(new InputSource(new StringReader(xml))).getDocumentElement();
            if (!root.getTagName().equals(expectedRoot)) {
                throw new MalformedXmlException("expected <" + expectedRoot + ">, found <" + root.getTagName() + ">");
            }
            return root;
        } catch (SAXException e) {
            throw new MalformedXmlException("not well-formed: " + e.getMessage(), e);
        } catch (ParserConfigurationException e) {
            throw new IllegalStateException("this Java runtime has no secure XML parser", e);
        } catch (IOException e) {
            throw new MalformedXmlException("unreadable: " + e.getMessage(), e);
        }
    }

    /** Direct children of that name, in document order. */
    static List<Element> children(Element parent, String name) {
        List<Element> found = new ArrayList<>();
        for (Node node = parent.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node instanceof Element element && element.getTagName().equals(name)) {
                found.add(element);
            }
        }
        return found;
    }

    /** First direct child of that name. */
    static Optional<Element> child(Element parent, String name) {
        return children(parent, name).stream().findFirst();
    }

    /** First element at the end of the path of direct children. */
    static Optional<Element> descend(Element start, String... names) {
        Optional<Element> here = Optional.of(start);
        for (String name : names) {
            here = here.flatMap(element -> child(element, name));
        }
        return here;
    }

    /** The attribute's value; empty if it is missing or has no characters. */
    static Optional<String> attribute(Element element, String name) {
        return Optional.of(element.getAttribute(name)).filter(value -> !value.isEmpty());
    }

    /** The text inside, trimmed; empty if there is none. */
    static Optional<String> text(Element element) {
        return Optional.of(element.getTextContent().strip()).filter(value -> !value.isEmpty());
    }

    /** The text as an absolute path of this host. */
    static Optional<Path> absolutePath(String text) {
        try {
            return Optional.of(Path.of(text)).filter(Path::isAbsolute);
        } catch (InvalidPathException e) {
            // A name that this process's character set cannot express; the caller says so.
            return Optional.empty();
        }
    }

    private static final class Strict implements ErrorHandler {
        @Override
        public void warning(SAXParseException exception) {}

        @Override
        public void error(SAXParseException exception) throws SAXException {
            throw exception;
        }

        @Override
        public void fatalError(SAXParseException exception) throws SAXException {
            throw exception;
        }
    }

    /** XML from libvirt that is not what its schema promises. */
    static final class MalformedXmlException extends IOException {
        MalformedXmlException(String message) {
            super(message);
        }

        MalformedXmlException(String message, Throwable cause) {
            super(message, cause);
        }
    }
}
