package virtshrink.control;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import virtshrink.json.JsonFields;

/** JSON objects as lines of the protocol. */
final class Line {
    private static final int DEEPEST = 32;

    // A duplicate field has two meanings. Escaped, no text contains a line end of any kind.
    private static final JSON JSON_LINES = JSON.builder(JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(DEEPEST)
                            .build())
                    .build())
            .enable(JSON.Feature.WRITE_NULL_PROPERTIES)
            .build();

    private Line() {}

    static JsonFields parse(byte[] line) throws MalformedMessageException {
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(line))
                    .toString();
            if (JSON_LINES.anyFrom(text) instanceof Map<?, ?> object) {
                return new JsonFields(object);
            }
            throw new MalformedMessageException("it is no JSON object");
        } catch (CharacterCodingException e) {
            throw new MalformedMessageException("it is not UTF-8");
        } catch (JacksonException e) {
            throw new MalformedMessageException("it is no JSON: " + e.getOriginalMessage());
        } catch (IOException e) {
            throw new UncheckedIOException("read from memory", e);
        }
    }

    /** With its end. */
    static byte[] of(Map<String, Object> object) {
        try {
            return (JSON_LINES.asString(object) + "\n").getBytes(StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException("written to memory", e);
        }
    }
}
