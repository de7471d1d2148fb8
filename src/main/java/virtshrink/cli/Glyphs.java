package virtshrink.cli;

/** The few characters beyond letters that output uses, in two fashions. */
record Glyphs(
        String rule, String dot, String none, String ellipsis, String barFull, String barEmpty, String[] barPart) {
    static final Glyphs UNICODE =
            new Glyphs("─", "·", "–", "…", "█", "░", new String[] {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"});
    static final Glyphs ASCII = new Glyphs("-", "|", "-", "...", "#", ".", new String[] {""});
}
