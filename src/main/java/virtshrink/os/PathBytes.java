package virtshrink.os;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * A path as the kernel sees it: bytes. {@link Path#toString()} depends on the locale and loses what it cannot decode; the path's URI is made
 * from the very bytes, so they are taken from there.
 */
final class PathBytes {
    private PathBytes() {}

    /** Absolute path, ended by a zero byte as C wants it. */
    static byte[] of(Path path) {
        String escaped = path.toUri().getRawPath();
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
        byte[] plain = bytes.toByteArray();
        int length = plain.length;
        // The URI of a directory ends in a slash, which would make the kernel follow a link at that place.
        if (length > 1 && plain[length - 1] == '/') {
            length--;
        }
        byte[] terminated = new byte[length + 1];
        System.arraycopy(plain, 0, terminated, 0, length);
        return terminated;
    }

    /** An attribute name or similar, one byte per character, ended by a zero byte. */
    static byte[] name(String name) {
        if (name.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("a name cannot contain a zero byte");
        }
        return (name + '\0').getBytes(StandardCharsets.ISO_8859_1);
    }
}
