package virtshrink.cli;

/** Columns that text takes on a terminal. */
final class TextWidth {
    private TextWidth() {}

    /** Columns of a text without escape sequences: marks that combine take none, East Asian ideographs and emoji two. */
    static int columns(String text) {
        return text.codePoints().map(TextWidth::columns).sum();
    }

    /** The text, or its start and the ellipsis where it is wider than that. */
    static String cut(String text, int mostColumns, String ellipsis) {
        if (columns(text) <= mostColumns) {
            return text;
        }
        int room = Math.max(0, mostColumns - columns(ellipsis));
        StringBuilder kept = new StringBuilder();
        int used = 0;
        for (int point : text.codePoints().toArray()) {
            used += columns(point);
            if (used > room) {
                break;
            }
            kept.appendCodePoint(point);
        }
        return kept.append(ellipsis).toString();
    }

    /** The text followed by spaces up to that many columns. */
    static String padRight(String text, int columns) {
        return text + " ".repeat(Math.max(0, columns - columns(text)));
    }

    /** The text preceded by spaces up to that many columns. */
    static String padLeft(String text, int columns) {
        return " ".repeat(Math.max(0, columns - columns(text))) + text;
    }

    private static int columns(int point) {
        int type = Character.getType(point);
        if (type == Character.NON_SPACING_MARK || type == Character.ENCLOSING_MARK) {
            return 0;
        }
        boolean wide = (point >= 0x1100 && point <= 0x115f) // Hangul initials
                || (point >= 0x2e80 && point <= 0xa4cf) // CJK, kana, Yi
                || (point >= 0xac00 && point <= 0xd7a3) // Hangul syllables
                || (point >= 0xf900 && point <= 0xfaff) // CJK compatibility
                || (point >= 0xfe30 && point <= 0xfe6f)
                || (point >= 0xff00 && point <= 0xff60) // full-width forms
                || (point >= 0x1f300 && point <= 0x1faff) // emoji
                || (point >= 0x20000 && point <= 0x3fffd);
        return wide ? 2 : 1;
    }
}
