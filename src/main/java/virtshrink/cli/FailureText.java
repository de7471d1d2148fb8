package virtshrink.cli;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.util.Objects;

/** Input and output failures in words; Java's own messages are often a bare file name. */
final class FailureText {
    private FailureText() {}

    static String of(IOException failure) {
        String message = Objects.requireNonNullElse(
                failure.getMessage(), failure.getClass().getSimpleName());
        if (failure instanceof NoSuchFileException) {
            return message + ": no such file";
        } else if (failure instanceof AccessDeniedException) {
            return message + ": permission denied";
        } else if (failure instanceof FileAlreadyExistsException) {
            return message + ": exists already";
        }
        return message;
    }
}
