package virtshrink.cli;

import java.util.Locale;

/** Amounts of bytes as people read them. */
final class ByteText {
    private static final String[] UNITS = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

    private ByteText() {}

    /** In IEC units with one decimal: {@code 512 B}, {@code 1.5 GiB}. */
    static String of(long bytes) {
        if (bytes > -1024 && bytes < 1024) {
            return bytes + " B";
        }
        double value = bytes / 1024.0;
        int unit = 0;
        // 1023.95 would be written as 1024.0.
        while (Math.abs(value) >= 1023.95 && unit < UNITS.length - 1) {
            value /= 1024;
            unit++;
        }
        return String.format(Locale.ROOT, "%.1f %s", value, UNITS[unit]);
    }

    /** The part of a whole: {@code 86.9 %}; empty when the whole is nothing. */
    static String percent(long part, long whole) {
        return whole <= 0 ? "" : String.format(Locale.ROOT, "%.1f %%", 100.0 * part / whole);
    }
}
