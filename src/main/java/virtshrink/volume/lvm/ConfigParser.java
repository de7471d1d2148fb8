package virtshrink.volume.lvm;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.block.CorruptStructureException;

/**
 * The text format of LVM2 metadata, whose grammar it shares with {@code lvm.conf(5)}: names with values, names with
 * sections in braces, comments from {@code #} to the end of the line. Accepted is what lvm2 writes and no more: no name twice in one section, no
 * floating point, no octal numbers, no names without a value.
 *
 * <p>Bounded: by the number of names and values, and in its depth. Not thread-safe.
 */
final class ConfigParser {
    /** A logical volume has some twenty of these, and a segment ten. */
    static final int MOST_TOKENS = 400_000;

    private static final int MOST_DEPTH = 12;
    private static final int MOST_NAME_BYTES = 256;

    private final byte[] text;
    private int at;
    private int tokens;

    private ConfigParser(byte[] text) {
        this.text = text;
    }

    /**
     * @param text closed by a zero byte; what is behind that does not count
     * @throws CorruptStructureException if it does not follow the grammar or is too large
     */
    static ConfigSection parse(byte[] text) {
        ConfigParser parser = new ConfigParser(text);
        ConfigSection root = parser.section(new ConfigSection.Path("", Optional.empty()), 0);
        if (parser.peek() != 0) {
            throw parser.broken("a closing brace too many");
        }
        return root;
    }

    private ConfigSection section(ConfigSection.Path path, int depth) {
        if (depth > MOST_DEPTH) {
            throw broken("sections nested more than %d deep".formatted(MOST_DEPTH));
        }
        int start = at;
        Optional<ConfigSection.Path> here = Optional.of(path);
        Map<String, ConfigValue> values = new LinkedHashMap<>();
        Map<String, ConfigSection> sections = new LinkedHashMap<>();
        while (peek() != 0 && peek() != '}') {
            String key = key();
            if (values.containsKey(key) || sections.containsKey(key)) {
                throw broken("%s: %s twice".formatted(path, key));
            }
            int next = peek();
            at++;
            if (next == '{') {
                // It takes as much memory as several values.
                count();
                count();
                sections.put(key, section(new ConfigSection.Path(key, here), depth + 1));
                expect('}');
            } else if (next == '=') {
                values.put(key, value());
            } else {
                throw broken("neither a value nor a section behind " + key);
            }
        }
        // Most sections lack one or the other, and there may be very many of them.
        return new ConfigSection(
                path, start, values.isEmpty() ? Map.of() : values, sections.isEmpty() ? Map.of() : sections);
    }

    private ConfigValue value() {
        if (peek() != '[') {
            return single();
        }
        at++;
        List<ConfigValue> items = new ArrayList<>();
        while (peek() != ']') {
            items.add(single());
            if (peek() == ',') {
                at++;
            } else if (peek() != ']') {
                throw broken("a list goes on without a comma");
            }
        }
        at++;
        return new ConfigValue.Array(items);
    }

    private ConfigValue single() {
        count();
        int first = peek();
        return first == '"' ? new ConfigValue.Text(string()) : new ConfigValue.Whole(number());
    }

    private String string() {
        at++;
        int start = at;
        boolean escaped = false;
        while (byteAt(at) != '"') {
            if (byteAt(at) == '\\') {
                escaped = true;
                at++;
            }
            if (byteAt(at) == 0) {
                throw broken("a text without an end");
            }
            at++;
        }
        String content = new String(text, start, at - start, StandardCharsets.UTF_8);
        at++;
        return escaped ? content.replaceAll("(?s)\\\\(.)", "$1") : content;
    }

    private long number() {
        int start = at;
        if (byteAt(at) == '-') {
            at++;
        }
        int digits = at;
        while (isDigit(byteAt(at)) && at - digits < 19) {
            at++;
        }
        boolean leadingZero = byteAt(digits) == '0' && at - digits > 1;
        if (at == digits || leadingZero || isDigit(byteAt(at)) || byteAt(at) == '.') {
            throw broken("neither a text nor a number");
        }
        try {
            return Long.parseLong(new String(text, start, at - start, StandardCharsets.US_ASCII));
        } catch (NumberFormatException outOfRange) {
            throw broken("a number that is out of range");
        }
    }

    private String key() {
        count();
        int start = at;
        while (isNameByte(byteAt(at)) && at - start <= MOST_NAME_BYTES) {
            at++;
        }
        if (at == start || at - start > MOST_NAME_BYTES) {
            throw broken("no name");
        }
        return new String(text, start, at - start, StandardCharsets.US_ASCII);
    }

    private void expect(char wanted) {
        if (peek() != wanted) {
            throw broken("%c expected".formatted(wanted));
        }
        at++;
    }

    private void count() {
        tokens++;
        if (tokens > MOST_TOKENS) {
            throw broken("more than %d names and values".formatted(MOST_TOKENS));
        }
    }

    /** The next byte that is neither blank nor part of a comment; 0 at the end. */
    private int peek() {
        while (true) {
            int next = byteAt(at);
            if (next == '#') {
                while (byteAt(at) != '\n' && byteAt(at) != 0) {
                    at++;
                }
            } else if (next == ' ' || (next >= '\t' && next <= '\r')) {
                at++;
            } else {
                return next;
            }
        }
    }

    private int byteAt(int index) {
        return index < text.length ? text[index] & 0xFF : 0;
    }

    private static boolean isDigit(int value) {
        return value >= '0' && value <= '9';
    }

    /** What names of volumes may be made of. */
    private static boolean isNameByte(int value) {
        return isDigit(value)
                || (value >= 'a' && value <= 'z')
                || (value >= 'A' && value <= 'Z')
                || value == '_'
                || value == '.'
                || value == '-'
                || value == '+';
    }

    private CorruptStructureException broken(String reason) {
        return new CorruptStructureException(ConfigSection.STRUCTURE, at, reason);
    }
}
