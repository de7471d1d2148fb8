package virtshrink.image;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/** File names as arguments of tools. */
final class ToolArgument {
    private ToolArgument() {}

    /**
     * An absolute path: it begins with a slash, so that no tool reads an option or a protocol into it.
     *
     * @throws IllegalArgumentException if it is not absolute or not {@link #isExact}
     */
    static String of(Path file) {
        if (!file.isAbsolute() || !isExact(file)) {
            throw new IllegalArgumentException("not an absolute path in this locale: " + file);
        }
        return file.toString();
    }

    /**
     * Whether the name survives becoming text: Java decodes file names by the locale, and what the locale has no characters for would reach a
     * tool as the name of another file.
     */
    static boolean isExact(Path file) {
        try {
            return Path.of(file.toString()).equals(file);
        } catch (InvalidPathException e) {
            return false;
        }
    }
}
