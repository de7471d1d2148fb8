package virtshrink.config;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.tomlj.TomlArray;
import org.tomlj.TomlPosition;
import org.tomlj.TomlTable;

/**
 * One table of the file. Every key that is asked for is thereby known; at the end, {@link #refuseUnknownKeys} complains about the others. A bad
 * value is complained about and its default returned, so that reading goes on to the next complaint.
 */
final class Section {
    private final String name;
    private final TomlTable table;
    private final BiConsumer<Optional<TomlPosition>, String> complaints;
    private final Set<String> known = new LinkedHashSet<>();

    /**
     * A table under its name.
     *
     * @param name as the file spells it; empty for the file itself
     * @param complaints takes them with their position
     */
    Section(String name, TomlTable table, BiConsumer<Optional<TomlPosition>, String> complaints) {
        this.name = name;
        this.table = table;
        this.complaints = complaints;
    }

    /** A text that the parser accepts. It says what is wrong by {@link BadValueException}. */
    <T> Optional<T> text(String key, ValueParser<T> parser) {
        return value(key, String.class, "a text in quotes").flatMap(text -> {
            try {
                return Optional.of(parser.parse(text));
            } catch (BadValueException bad) {
                complain(key, key + " is '" + text + "': " + bad.getMessage());
                return Optional.empty();
            }
        });
    }

    /** A text that has to be there. */
    Optional<String> required(String key, ValueParser<String> parser) {
        if (!table.keySet().contains(key)) {
            known.add(key);
            complaints.accept(ownPosition(), "[" + name + "] has no " + key + ", which it needs");
            return Optional.empty();
        }
        return text(key, parser);
    }

    int integer(String key, int standard, int least, int most) {
        Optional<Long> value = value(key, Long.class, "a whole number");
        if (value.isPresent() && (value.get() < least || value.get() > most)) {
            complain(key, key + " is " + value.get() + ": it must be from " + least + " to " + most);
            return standard;
        }
        return value.map(Math::toIntExact).orElse(standard);
    }

    /** A number with or without a fraction; empty if it is not there. */
    OptionalDouble decimal(String key, double least, double most) {
        Optional<Number> value = value(key, Number.class, "a number");
        if (value.isPresent()) {
            double number = value.get().doubleValue();
            if (number >= least && number <= most) {
                return OptionalDouble.of(number);
            }
            complain(key, "%s is %s: it must be from %.0f to %.0f".formatted(key, value.get(), least, most));
        }
        return OptionalDouble.empty();
    }

    boolean flag(String key, boolean standard) {
        return value(key, Boolean.class, "true or false").orElse(standard);
    }

    /** A list of texts, none of them empty; empty if it is not there. */
    List<String> texts(String key) {
        List<String> found = new ArrayList<>();
        value(key, TomlArray.class, "a list of texts, as in " + key + " = [\"web-*\"]")
                .ifPresent(array -> {
                    for (Object element : array.toList()) {
                        if (element instanceof String text && !text.isEmpty()) {
                            found.add(text);
                        } else {
                            complain(
                                    key,
                                    key + " holds '" + element + "': each element must be a text in quotes, not empty");
                        }
                    }
                });
        return found;
    }

    /** A table below this one; empty if it is not there. */
    Optional<Section> section(String key) {
        return value(key, TomlTable.class, "a table, as in [" + qualified(key) + "]")
                .map(found -> new Section(qualified(key), found, complaints));
    }

    /** Every key here is a name that the administrator has chosen, of a table below this one. */
    List<Section> namedSections(Function<String, Optional<String>> objection) {
        List<Section> found = new ArrayList<>();
        for (String key : table.keySet().stream().sorted().toList()) {
            Optional<String> why = objection.apply(key);
            if (why.isPresent()) {
                known.add(key);
                complain(key, "'" + key + "': " + why.get());
            } else {
                section(key).ifPresent(found::add);
            }
        }
        return found;
    }

    String lastName() {
        return name.substring(name.indexOf('.') + 1);
    }

    void refuseUnknownKeys() {
        for (String key : table.keySet()) {
            if (!known.contains(key)) {
                complain(key, "there is no key '" + qualified(key) + "'" + Suggestion.phrase(key, known));
            }
        }
    }

    private <T> Optional<T> value(String key, Class<T> type, String description) {
        known.add(key);
        @Nullable Object value = table.get(List.of(key));
        if (value == null) {
            return Optional.empty();
        }
        if (!type.isInstance(value)) {
            complain(key, key + " must be " + description);
            return Optional.empty();
        }
        return Optional.of(type.cast(value));
    }

    private String qualified(String key) {
        return name.isEmpty() ? key : name + "." + key;
    }

    private void complain(String key, String message) {
        complaints.accept(Optional.ofNullable(table.inputPositionOf(List.of(key))), message);
    }

    /** Where a table begins is known to the one above it; the first key is as near as this one can point. */
    private Optional<TomlPosition> ownPosition() {
        return table.keySet().stream()
                .flatMap(key -> Optional.ofNullable(table.inputPositionOf(List.of(key))).stream())
                .min((one, other) -> Integer.compare(one.line(), other.line()));
    }

    /** Makes a value of a text. */
    interface ValueParser<T> {
        T parse(String text) throws BadValueException;
    }

    /** A text that no value can be made of. The message follows a colon. */
    static final class BadValueException extends Exception {
        BadValueException(String message) {
            super(message);
        }
    }
}
