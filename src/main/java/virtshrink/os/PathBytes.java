package virtshrink.os;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * A path as the kernel sees it: bytes. {@link Path#toString()} depends on the locale and loses what it cannot decode; the path's URI is made
 * from the very bytes, so they are taken from there.
 */
public final class PathBytes {
    /** To make a URI, Java looks whether the path is a directory, through links that may lead anywhere. Below this there is nothing. */
    private static final Path NOWHERE = Path.of("/dev/null");

    private PathBytes() {}

    /** The absolute path, with every byte that is not plain ASCII written as a percent sign and two digits; does not look at the file. */
    public static String escaped(Path path) {
        Path absolute = path.toAbsolutePath();
        return absolute.getNameCount() == 0
                ? "/"
                : NOWHERE.resolve(absolute.subpath(0, absolute.getNameCount()))
                        .toUri()
                        .getRawPath()
                        .substring(NOWHERE.toString().length());
    }

    /** Absolute path, ended by a zero byte as C wants it. */
    static byte[] of(Path path) {
        String escaped = escaped(path);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(escaped.length() + 1);
        for (int i = 0; i < escaped.length(); i++) {
            char c = escaped.charAt(i);
            if (c == '%') {
                bytes.write(Integer.parseInt(escaped, i + 1, i + 3, 16));
                i += 2;
            } else {
                bytes.write(c);
            }
        }
        bytes.write(0);
        return bytes.toByteArray();
    }

    /** An attribute name or similar, one byte per character, ended by a zero byte. */
    static byte[] name(String name) {
        if (name.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("a name cannot contain a zero byte");
        }
        return (name + '\0').getBytes(StandardCharsets.ISO_8859_1);
    }
}
