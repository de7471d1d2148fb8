package virtshrink.config;

import java.nio.file.Path;

/**
 * Something in the file that cannot be accepted.
 *
 * @param line from 1; 0 if it concerns the file as a whole
 * @param column from 1; 0 if it concerns the file as a whole
 * @param message a sentence that says what is wrong and what would be right
 */
public record ConfigurationProblem(Path file, int line, int column, String message) {
    /** {@code file:line:column: message}, as compilers write it. */
    @Override
    public String toString() {
        return line == 0 ? file + ": " + message : file + ":" + line + ":" + column + ": " + message;
    }
}
