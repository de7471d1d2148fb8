package virtshrink.cli;

/**
 * Names and labels as a terminal may see them. A guest chooses its labels and an uploader the names of files: an escape sequence in them
 * could rewrite the screen of the administrator who looks.
 */
final class SafeText {
    private SafeText() {}

    /** The text with everything that is not a visible character or a plain space replaced by a question mark. */
    static String of(String text) {
        StringBuilder safe = new StringBuilder(text.length());
        text.codePoints().forEach(point -> safe.appendCodePoint(isVisible(point) ? point : '?'));
        return safe.toString();
    }

    /** Likewise, cut to at most that many columns. */
    static String of(String text, int mostColumns, Glyphs glyphs) {
        return TextWidth.cut(of(text), mostColumns, glyphs.ellipsis());
    }

    private static boolean isVisible(int point) {
        return switch (Character.getType(point)) {
            // Cf holds the marks that turn the writing direction around; private-use characters look like anything.
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR -> false;
            default -> true;
        };
    }
}
