package virtshrink.libvirt;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.xml.XMLConstants;
import org.w3c.dom.Attr;
import org.w3c.dom.Comment;
import org.w3c.dom.Element;
import org.w3c.dom.NamedNodeMap;
import org.w3c.dom.Node;
import org.w3c.dom.Text;
import virtshrink.libvirt.SafeXml.MalformedXmlException;

/**
 * The policy as an element of the domain's {@code <metadata>}: {@code <policy xmlns="urn:virt-shrink:policy:1.0" min-reclaim="1G"/>}, settings
 * as attributes, nothing inside. Pure. Whatever a domain's XML holds, {@link #read} answers; strictly, because a policy that is half understood
 * might be one that forbids.
 */
final class PolicyXml {
    static final String NAMESPACE = "urn:virt-shrink:policy:1.0";

    /** The prefix that libvirt gives the element. */
    static final String KEY = "virt-shrink";

    /** What all versions of the namespace, and the ways to misspell its version, have in common. */
    private static final String FAMILY = "urn:virt-shrink:policy";

    private static final String ELEMENT = "policy";

    private PolicyXml() {}

    /** The policy in the XML of a domain. */
    static StatedPolicy read(String domainXml) {
        try {
            List<Element> ours = new ArrayList<>();
            for (Element metadata : SafeXml.children(SafeXml.parseWithNamespaces(domainXml, "domain"), "metadata")) {
                collect(metadata, ours);
            }
            if (ours.size() > 1) {
                return new StatedPolicy.Unclear("there are " + ours.size() + " of them");
            }
            return new StatedPolicy.Clear(ours.isEmpty() ? DomainPolicy.NONE : policy(ours.get(0)));
        } catch (InvalidPolicyException | MalformedXmlException e) {
            return new StatedPolicy.Unclear(String.valueOf(e.getMessage()));
        }
    }

    private static void collect(Element metadata, List<Element> ours) {
        for (Node node = metadata.getFirstChild(); node != null; node = node.getNextSibling()) {
            String namespace = node.getNamespaceURI();
            if (node instanceof Element element
                    && namespace != null
                    && namespace.regionMatches(true, 0, FAMILY, 0, FAMILY.length())) {
                ours.add(element);
            }
        }
    }

    private static DomainPolicy policy(Element element) throws InvalidPolicyException {
        if (!NAMESPACE.equals(element.getNamespaceURI())) {
            throw new InvalidPolicyException("it is of the kind '"
                    + PolicySetting.shown(String.valueOf(element.getNamespaceURI())) + "', and this virt-shrink knows "
                    + NAMESPACE);
        }
        if (!ELEMENT.equals(element.getLocalName())) {
            throw new InvalidPolicyException(
                    "its element is <" + PolicySetting.shown(element.getTagName()) + ">, not <" + ELEMENT + ">");
        }
        requireEmpty(element);
        Map<String, String> settings = new LinkedHashMap<>();
        NamedNodeMap attributes = element.getAttributes();
        for (int i = 0; i < attributes.getLength(); i++) {
            Attr attribute = (Attr) attributes.item(i);
            if (!XMLConstants.XMLNS_ATTRIBUTE_NS_URI.equals(attribute.getNamespaceURI())) {
                settings.put(attribute.getName(), attribute.getValue());
            }
        }
        return DomainPolicy.of(settings);
    }

    private static void requireEmpty(Element element) throws InvalidPolicyException {
        for (Node node = element.getFirstChild(); node != null; node = node.getNextSibling()) {
            boolean blank = node instanceof Text text && text.getData().isBlank();
            if (!blank && !(node instanceof Comment)) {
                throw new InvalidPolicyException(
                        "there is '" + PolicySetting.shown(node.getNodeName()) + "' inside it, where nothing may be");
            }
        }
    }

    /** The element as libvirt takes it, which adds the namespace. */
    static String write(DomainPolicy policy) {
        StringBuilder xml = new StringBuilder("<" + ELEMENT);
        // No text of a setting has a character that XML would want escaped.
        policy.settings()
                .forEach((key, text) ->
                        xml.append(' ').append(key).append("='").append(text).append('\''));
        return xml.append("/>").toString();
    }
}
