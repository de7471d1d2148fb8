package virtshrink.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;

/** Writes the one object of {@code --json}. */
final class Json {
    // Escaped, a label with terminal control characters is harmless and the user's locale does not matter.
    private static final JSON WRITER = JSON.builder(JsonFactory.builder()
                    .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
                    .build())
            .enable(JSON.Feature.WRITE_NULL_PROPERTIES)
            .build();

    private Json() {}

    /** One line without its end. */
    static String line(Map<String, ?> object) {
        try {
            return WRITER.asString(object);
        } catch (IOException e) {
            throw new UncheckedIOException("written to memory", e);
        }
    }
}
