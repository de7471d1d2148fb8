package virtshrink.image;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** One JSON object of {@code qemu-img}'s answer; a field that is missing or of the wrong type or size is a {@link ToolFailedException}. */
final class QemuAnswer {
    private final String command;
    private final Map<?, ?> fields;

    private QemuAnswer(String command, Map<?, ?> fields) {
        this.command = command;
        this.fields = fields;
    }

    static QemuAnswer parse(ChildResult result) throws IOException {
        try {
            if (JSON.std.anyFrom(result.stdout()) instanceof Map<?, ?> fields) {
                return new QemuAnswer(result.command(), fields);
            }
        } catch (IOException e) {
            ToolFailedException absurd =
                    ToolFailedException.absurd(result.command(), "no JSON (" + e.getMessage() + ")");
            absurd.initCause(e);
            throw absurd;
        }
        throw ToolFailedException.absurd(result.command(), "no JSON object");
    }

    boolean has(String name) {
        return fields.get(name) != null;
    }

    /** A required count or size: 0 or more. */
    long count(String name) throws ToolFailedException {
        Object value = fields.get(name);
        if (value instanceof Integer || value instanceof Long) {
            long number = ((Number) value).longValue();
            if (number >= 0) {
                return number;
            }
        }
        throw absurd(name, value);
    }

    /** A count that qemu leaves out when it is 0. */
    long countOrZero(String name) throws ToolFailedException {
        return has(name) ? count(name) : 0;
    }

    boolean flag(String name) throws ToolFailedException {
        if (fields.get(name) instanceof Boolean flag) {
            return flag;
        }
        throw absurd(name, fields.get(name));
    }

    String text(String name) throws ToolFailedException {
        if (fields.get(name) instanceof String text) {
            return text;
        }
        throw absurd(name, fields.get(name));
    }

    Optional<QemuAnswer> object(String name) throws ToolFailedException {
        Object value = fields.get(name);
        if (value == null) {
            return Optional.empty();
        }
        if (value instanceof Map<?, ?> map) {
            return Optional.of(new QemuAnswer(command, map));
        }
        throw absurd(name, value);
    }

    /** The objects of an array; none if it is absent. */
    List<QemuAnswer> objects(String name) throws ToolFailedException {
        List<QemuAnswer> objects = new ArrayList<>();
        for (Object element : elements(name)) {
            if (!(element instanceof Map<?, ?> map)) {
                throw absurd(name, element);
            }
            objects.add(new QemuAnswer(command, map));
        }
        return objects;
    }

    /** The strings of an array; none if it is absent. */
    List<String> texts(String name) throws ToolFailedException {
        List<String> texts = new ArrayList<>();
        for (Object element : elements(name)) {
            if (!(element instanceof String text)) {
                throw absurd(name, element);
            }
            texts.add(text);
        }
        return texts;
    }

    ToolFailedException absurd(String name, @Nullable Object value) {
        return ToolFailedException.absurd(command, "\"%s\" is %s".formatted(name, Printable.of(String.valueOf(value))));
    }

    private List<?> elements(String name) throws ToolFailedException {
        Object value = fields.get(name);
        if (value == null) {
            return List.of();
        }
        if (value instanceof List<?> list) {
            return list;
        }
        throw absurd(name, value);
    }
}
