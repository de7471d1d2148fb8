package virtshrink.json;

import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Fields of a JSON object that are expected to be there and of a kind. Immutable as long as the object is. */
public final class JsonFields {
    private final Map<?, ?> fields;

    /** Those of an object as a JSON library gives it. */
    public JsonFields(Map<?, ?> fields) {
        this.fields = fields;
    }

    /** Whether there is a field of that name, whatever it holds, {@code null} excepted. */
    public boolean has(String name) {
        return fields.get(name) != null;
    }

    /** A text. */
    public String text(String name) throws MissingFieldException {
        return field(name, String.class);
    }

    /** A whole number that fits into 64 bits. */
    public long number(String name) throws MissingFieldException {
        Number number = field(name, Number.class);
        if (number instanceof Integer || number instanceof Long) {
            return number.longValue();
        }
        throw new MissingFieldException(name);
    }

    /** A number, whole or not. */
    public double decimal(String name) throws MissingFieldException {
        return field(name, Number.class).doubleValue();
    }

    /** True or false. */
    public boolean flag(String name) throws MissingFieldException {
        return field(name, Boolean.class);
    }

    /** An instant in ISO 8601. */
    public Instant instant(String name) throws MissingFieldException {
        try {
            return Instant.parse(text(name));
        } catch (DateTimeException notOne) {
            throw new MissingFieldException(name);
        }
    }

    /** An object. */
    public JsonFields object(String name) throws MissingFieldException {
        return new JsonFields(field(name, Map.class));
    }

    /** A list of texts. */
    public List<String> texts(String name) throws MissingFieldException {
        List<String> found = new ArrayList<>();
        for (Object element : field(name, List.class)) {
            if (!(element instanceof String text)) {
                throw new MissingFieldException(name);
            }
            found.add(text);
        }
        return found;
    }

    /** A list of objects, each read in the same way. */
    public <T> List<T> objects(String name, Reader<T> reader) throws MissingFieldException {
        List<T> found = new ArrayList<>();
        for (Object element : field(name, List.class)) {
            if (!(element instanceof Map<?, ?> map)) {
                throw new MissingFieldException(name);
            }
            found.add(reader.read(new JsonFields(map)));
        }
        return found;
    }

    /** All of them, for whoever knows what they are. */
    public Map<String, Object> asMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        fields.forEach((name, value) -> map.put(String.valueOf(name), value));
        return map;
    }

    private <T> T field(String name, Class<T> type) throws MissingFieldException {
        Object value = fields.get(name);
        if (!type.isInstance(value)) {
            throw new MissingFieldException(name);
        }
        return type.cast(value);
    }

    /** Makes a value of an object. */
    @FunctionalInterface
    public interface Reader<T> {
        /** The value. */
        T read(JsonFields fields) throws MissingFieldException;
    }

    /** A field is not there, or not of the kind expected; the message is its name. */
    public static final class MissingFieldException extends Exception {
        /** The field of that name. */
        public MissingFieldException(String name) {
            super(name);
        }
    }
}
