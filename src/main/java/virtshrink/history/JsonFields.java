package virtshrink.history;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Fields of a JSON object that are expected to be there and of a kind. */
final class JsonFields {
    private final Map<?, ?> fields;

    JsonFields(Map<?, ?> fields) {
        this.fields = fields;
    }

    boolean has(String name) {
        return fields.containsKey(name);
    }

    String text(String name) throws MissingFieldException {
        return field(name, String.class);
    }

    long number(String name) throws MissingFieldException {
        Number number = field(name, Number.class);
        if (number instanceof Integer || number instanceof Long) {
            return number.longValue();
        }
        throw new MissingFieldException(name);
    }

    Instant instant(String name) throws MissingFieldException {
        return Instant.parse(text(name));
    }

    JsonFields object(String name) throws MissingFieldException {
        return new JsonFields(field(name, Map.class));
    }

    List<String> texts(String name) throws MissingFieldException {
        List<String> found = new ArrayList<>();
        for (Object element : field(name, List.class)) {
            if (!(element instanceof String text)) {
                throw new MissingFieldException(name);
            }
            found.add(text);
        }
        return found;
    }

    <T> List<T> objects(String name, Reader<T> reader) throws MissingFieldException {
        List<T> found = new ArrayList<>();
        for (Object element : field(name, List.class)) {
            if (!(element instanceof Map<?, ?> map)) {
                throw new MissingFieldException(name);
            }
            found.add(reader.read(new JsonFields(map)));
        }
        return found;
    }

    private <T> T field(String name, Class<T> type) throws MissingFieldException {
        Object value = fields.get(name);
        if (!type.isInstance(value)) {
            throw new MissingFieldException(name);
        }
        return type.cast(value);
    }

    /** Makes a value of an object. */
    interface Reader<T> {
        T read(JsonFields fields) throws MissingFieldException;
    }

    /** A field is not there, or not of the kind expected. */
    static final class MissingFieldException extends Exception {
        MissingFieldException(String name) {
            super(name);
        }
    }
}
