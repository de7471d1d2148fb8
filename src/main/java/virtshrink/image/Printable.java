package virtshrink.image;

/** Text of others made fit for a message: an image's header or a tool's complaint may hold anything, terminal controls included. */
final class Printable {
    private static final int MOST_CHARACTERS = 300;

    private Printable() {}

    static String of(String text) {
        return of(text, MOST_CHARACTERS);
    }

    /** Control and invisible formatting characters become {@code ?}; what is longer keeps its end. */
    static String of(String text, int mostCharacters) {
        StringBuilder printable = new StringBuilder();
        text.codePoints().forEach(c -> printable.appendCodePoint(isPrintable(c) ? c : '?'));
        return printable.length() <= mostCharacters
                ? printable.toString()
                : "…" + printable.substring(printable.length() - mostCharacters);
    }

    /** As one word of a shell command that a message proposes. */
    static String shellWord(String text) {
        return "'" + of(text, Integer.MAX_VALUE).replace("'", "'\\''") + "'";
    }

    private static boolean isPrintable(int codePoint) {
        return switch (Character.getType(codePoint)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.UNASSIGNED -> false;
            default -> true;
        };
    }
}
