package virtshrink.cli;

/**
 * The few characters beyond letters that output uses, in two fashions.
 *
 * @param barParts what stands for a part of a bar's cell, from the least to the most; may be empty
 */
record Glyphs(String rule, String dot, String none, String ellipsis, String barFull, String barEmpty, String barParts) {
    static final Glyphs UNICODE = new Glyphs("─", "·", "–", "…", "█", "░", "▏▎▍▌▋▊▉");
    static final Glyphs ASCII = new Glyphs("-", "|", "-", "...", "#", ".", "");
}
