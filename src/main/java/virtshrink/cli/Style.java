package virtshrink.cli;

/** How text may be adorned: which characters, and whether with colour. */
record Style(Glyphs glyphs, boolean colour) {
    private static final String RESET = "\u001b[0m";

    String bold(String text) {
        return wrap("\u001b[1m", text);
    }

    String faint(String text) {
        return wrap("\u001b[2m", text);
    }

    String good(String text) {
        return wrap("\u001b[1;32m", text);
    }

    String warning(String text) {
        return wrap("\u001b[33m", text);
    }

    String bad(String text) {
        return wrap("\u001b[1;31m", text);
    }

    private String wrap(String start, String text) {
        return colour && !text.isEmpty() ? start + text + RESET : text;
    }
}
