package virtshrink.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.tomlj.Toml;
import org.tomlj.TomlParseResult;
import org.tomlj.TomlVersion;

/** The one thing that others than the daemon want to know of its configuration, which may be broken or not be there: where the history is. */
public final class HistoryPlace {
    private static final long MOST_BYTES = 1 << 20;

    private HistoryPlace() {}

    /** The directory that a configuration names; the standard one if it names none, or cannot be read. */
    public static Path in(Path configuration) {
        return named(configuration).orElse(Configuration.History.STANDARD_DIRECTORY);
    }

    private static Optional<Path> named(Path configuration) {
        try {
            if (!Files.isReadable(configuration) || Files.size(configuration) > MOST_BYTES) {
                return Optional.empty();
            }
            TomlParseResult parsed = Toml.parse(Files.readString(configuration), TomlVersion.V1_0_0);
            return Optional.ofNullable(parsed.get("history.directory"))
                    .filter(String.class::isInstance)
                    .map(String.class::cast)
                    .filter(text -> text.startsWith("/") && text.indexOf('\0') < 0)
                    .map(Path::of);
        } catch (IOException unreadable) {
            // The daemon, which depends on it, says what is wrong with it.
            return Optional.empty();
        }
    }
}
