package virtshrink.volume.lvm;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.block.CorruptStructureException;

/**
 * A section of an LVM2 text: what is between a name and its closing brace.
 *
 * @param path its name, and those of the sections around it
 * @param offsetBytes where it begins in the text
 * @param values in the order of the text
 * @param sections the same for the sections in it
 */
record ConfigSection(
        Path path, long offsetBytes, Map<String, ConfigValue> values, Map<String, ConfigSection> sections) {
    static final String STRUCTURE = "LVM2 metadata text";

    /**
     * Where a section is. Each name is kept once: written out for every section, short texts would fill the memory.
     *
     * @param key its own name; empty for the text as a whole
     * @param around the section that it is in
     */
    record Path(String key, Optional<Path> around) {
        @Override
        public String toString() {
            String outer = around.map(Path::toString).orElse("");
            return outer.isEmpty() ? key : outer + "/" + key;
        }
    }

    long number(String key) {
        return optionalNumber(key).orElseThrow(() -> broken("no " + key));
    }

    Optional<Long> optionalNumber(String key) {
        return Optional.ofNullable(values.get(key)).map(value -> {
            if (value instanceof ConfigValue.Whole number) {
                return number.value();
            }
            throw broken(key + " is not a number");
        });
    }

    /** A number from 0 to the given one. */
    long number(String key, long most) {
        long value = number(key);
        if (value < 0 || value > most) {
            throw broken("%s = %d, 0 to %d expected".formatted(key, value, most));
        }
        return value;
    }

    String text(String key) {
        return optionalText(key).orElseThrow(() -> broken("no " + key));
    }

    Optional<String> optionalText(String key) {
        return Optional.ofNullable(values.get(key)).map(value -> {
            if (value instanceof ConfigValue.Text text) {
                return text.text();
            }
            throw broken(key + " is not a text");
        });
    }

    List<ConfigValue> array(String key) {
        if (values.get(key) instanceof ConfigValue.Array array) {
            return array.items();
        }
        throw broken("no list " + key);
    }

    /** A list of texts; empty if there is no such list. */
    List<String> texts(String key) {
        List<String> texts = new ArrayList<>();
        if (values.containsKey(key)) {
            for (ConfigValue item : array(key)) {
                if (!(item instanceof ConfigValue.Text text)) {
                    throw broken(key + " holds something else than texts");
                }
                texts.add(text.text());
            }
        }
        return texts;
    }

    /** Every text anywhere in this section. */
    List<String> allTexts() {
        List<String> texts = new ArrayList<>();
        values.values().forEach(value -> addTexts(value, texts));
        sections.values().forEach(section -> texts.addAll(section.allTexts()));
        return texts;
    }

    private static void addTexts(ConfigValue value, List<String> texts) {
        if (value instanceof ConfigValue.Text text) {
            texts.add(text.text());
        } else if (value instanceof ConfigValue.Array array) {
            array.items().forEach(item -> addTexts(item, texts));
        }
    }

    /** The sections in the one of that name; none if there is no such section. */
    List<ConfigSection> sectionsIn(String key) {
        ConfigSection section = sections.get(key);
        return section == null ? List.of() : List.copyOf(section.sections().values());
    }

    String ownName() {
        return path.key();
    }

    CorruptStructureException broken(String reason) {
        return new CorruptStructureException(STRUCTURE, offsetBytes, path + ": " + reason);
    }
}
