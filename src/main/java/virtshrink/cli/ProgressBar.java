package virtshrink.cli;

import java.util.Locale;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/** Draws the state of a phase into one line. Pure. */
final class ProgressBar {
    private static final int NAME_COLUMNS = 9;
    private static final int WIDEST_BAR = 40;
    private static final int NARROWEST_BAR = 8;

    private ProgressBar() {}

    /**
     * One line that fits: first the bar shrinks and vanishes, then the subject is cut. Never wider than the terminal less one column, because
     * some terminals wrap when the last column is written.
     *
     * @param subject what is worked on, already safe to show
     */
    static String line(String subject, PhaseProgress phase, long nowNanos, int columns, Style style) {
        int room = Math.max(1, columns - 1);
        Glyphs glyphs = style.glyphs();
        String name = TextWidth.padRight(phase.name(), NAME_COLUMNS);
        String figures = figures(phase, nowNanos);
        OptionalDouble fraction = phase.fraction();
        int subjectRoom = Math.max(12, room / 3);
        String shortSubject = subject.isEmpty() ? "" : TextWidth.cut(subject, subjectRoom, glyphs.ellipsis()) + "  ";
        int used = TextWidth.columns(shortSubject) + NAME_COLUMNS + 1 + figures.length();
        int bar = Math.min(WIDEST_BAR, room - used - 2);
        if (fraction.isPresent() && bar >= NARROWEST_BAR) {
            return shortSubject + name + " " + bar(fraction.getAsDouble(), bar, glyphs) + "  " + figures;
        }
        return TextWidth.cut(shortSubject + name + " " + figures, room, glyphs.ellipsis());
    }

    private static String figures(PhaseProgress phase, long nowNanos) {
        OptionalDouble fraction = phase.fraction();
        if (fraction.isEmpty()) {
            return TimeText.left(phase.elapsedSeconds(nowNanos));
        }
        StringBuilder figures = new StringBuilder();
        figures.append(String.format(Locale.ROOT, "%3d %%", (int) (fraction.getAsDouble() * 100)));
        OptionalLong rate = phase.bytesPerSecond(nowNanos);
        if (rate.isPresent()) {
            figures.append(String.format(Locale.ROOT, "  %12s", ByteText.of(rate.getAsLong()) + "/s"));
        }
        OptionalLong left = phase.secondsLeft(nowNanos);
        if (left.isPresent()) {
            figures.append("  ").append(TimeText.left(left.getAsLong())).append(" left");
        }
        return figures.toString();
    }

    private static String bar(double fraction, int columns, Glyphs glyphs) {
        String parts = glyphs.barParts();
        int steps = parts.length() + 1;
        int filled = (int) (fraction * columns * steps);
        int part = filled % steps;
        String bar = glyphs.barFull().repeat(filled / steps) + (part == 0 ? "" : parts.charAt(part - 1));
        return bar + glyphs.barEmpty().repeat(columns - bar.length());
    }
}
