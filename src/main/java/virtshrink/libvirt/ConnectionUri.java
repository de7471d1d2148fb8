package virtshrink.libvirt;

import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A libvirt connection URI of this host: {@code driver[+transport]:///path[?parameters]}. The images are opened as local files, so a URI that
 * may lead to another host is refused.
 */
record ConnectionUri(String text, String driver, String path, Optional<String> root) {
    private static final List<String> DRIVERS = List.of("qemu", "test");

    /** @throws LibvirtUnavailableException if the text is no such URI */
    static ConnectionUri parse(String text) throws LibvirtUnavailableException {
        URI uri;
        try {
            uri = new URI(text);
        } catch (URISyntaxException e) {
            throw new LibvirtUnavailableException(
                    "not a libvirt connection URI: " + text + " (" + e.getReason() + ")", e);
        }
        if (uri.getScheme() == null || uri.isOpaque()) {
            throw new LibvirtUnavailableException(
                    "not a libvirt connection URI: '" + text + "'; name one such as qemu:///system");
        }
        String[] scheme = uri.getScheme().split("\\+", 2);
        if (!DRIVERS.contains(scheme[0])) {
            throw new LibvirtUnavailableException(
                    "the libvirt driver of " + text
                            + " is not supported: only guests of QEMU and KVM have images that can be shrunk; use qemu:///system");
        }
        boolean remoteTransport = scheme.length > 1 && !scheme[1].equals("unix");
        if (remoteTransport || uri.getRawAuthority() != null) {
            throw new LibvirtUnavailableException("the libvirt connection " + text
                    + " leads to another host, but images are shrunk as local files; run virt-shrink on that host with"
                    + " qemu:///system");
        }
        return new ConnectionUri(
                text,
                scheme[0],
                uri.getPath(),
                parameters(uri.getQuery()).entrySet().stream()
                        .filter(parameter -> parameter.getKey().equals("root"))
                        .map(Map.Entry::getValue)
                        .findFirst());
    }

    private static Map<String, String> parameters(@Nullable String query) {
        if (query == null) {
            return Map.of();
        }
        return Arrays.stream(query.split("&"))
                .map(parameter -> parameter.split("=", 2))
                .filter(parts -> parts.length == 2)
                .collect(Collectors.toMap(parts -> parts[0], parts -> parts[1], (first, again) -> first));
    }

    /** Whether the driver runs inside this process and needs its event loop. */
    boolean isEmbedded() {
        return driver.equals("qemu") && path.equals("/embed");
    }

    /** Where this driver writes the logs of its domains, by libvirt's defaults. */
    Path domainLogDirectory(Map<String, String> environment) {
        if (isEmbedded() && root.isPresent()) {
            return Path.of(root.get(), "log", "qemu");
        }
        if (path.equals("/session")) {
            String home = environment.getOrDefault("HOME", "/");
            String cache = environment.getOrDefault("XDG_CACHE_HOME", "");
            return (cache.isEmpty() ? Path.of(home, ".cache") : Path.of(cache)).resolve("libvirt/qemu/log");
        }
        return Path.of("/var/log/libvirt/qemu");
    }
}
