package virtshrink.image;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.InputStream;
import java.util.OptionalLong;
import java.util.function.Consumer;
import virtshrink.block.ByteRange;

/** Reads the output of {@code qemu-img map --output=json} piece by piece: that of a large fragmented image does not fit in memory. */
final class MapParser {
    private static final JsonFactory JSON = new JsonFactory();

    private final Consumer<MapExtent> consumer;
    private final long mostExtents;
    private long endBytes;
    private long extents;

    MapParser(long mostExtents, Consumer<MapExtent> consumer) {
        this.mostExtents = mostExtents;
        this.consumer = consumer;
    }

    void read(InputStream stdout) throws IOException {
        try (JsonParser parser = JSON.createParser(stdout)) {
            parser.disable(JsonParser.Feature.AUTO_CLOSE_SOURCE);
            expect(parser.nextToken() == JsonToken.START_ARRAY, "no array");
            JsonToken token = parser.nextToken();
            while (token == JsonToken.START_OBJECT) {
                accept(extent(parser));
                token = parser.nextToken();
            }
            expect(token == JsonToken.END_ARRAY, "no end");
        }
    }

    private void accept(MapExtent extent) throws IOException {
        extents++;
        expect(extents <= mostExtents, "more than " + mostExtents + " extents");
        expect(extent.range().startBytes() == endBytes, "a gap or an overlap at " + endBytes);
        endBytes = extent.range().endBytes();
        consumer.accept(extent);
    }

    private static MapExtent extent(JsonParser parser) throws IOException {
        long start = -1;
        long length = -1;
        long depth = -1;
        boolean present = true; // left out by old versions
        boolean zero = false;
        boolean data = false;
        OptionalLong offset = OptionalLong.empty();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String name = parser.currentName();
            parser.nextToken();
            switch (name) {
                case "start" -> start = parser.getLongValue();
                case "length" -> length = parser.getLongValue();
                case "depth" -> depth = parser.getLongValue();
                case "present" -> present = parser.getBooleanValue();
                case "zero" -> zero = parser.getBooleanValue();
                case "data" -> data = parser.getBooleanValue();
                case "offset" -> offset = OptionalLong.of(parser.getLongValue());
                default -> parser.skipChildren();
            }
        }
        expect(start >= 0 && length > 0 && start <= Long.MAX_VALUE - length, "an extent of no size");
        expect(depth >= 0 && depth <= Integer.MAX_VALUE, "depth " + depth);
        return new MapExtent(new ByteRange(start, length), (int) depth, present, zero, data, offset);
    }

    private static void expect(boolean condition, String reason) throws IOException {
        if (!condition) {
            throw new IOException("not a map: " + reason);
        }
    }
}
