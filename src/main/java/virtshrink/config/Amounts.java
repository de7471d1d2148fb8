package virtshrink.config;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import virtshrink.config.Section.BadValueException;
import virtshrink.shrink.MinimumGain;

/** Reads amounts as the command line does: {@code 4096}, {@code 64M}, {@code 1.5GiB}, {@code 5%}. Units are powers of 1024. */
final class Amounts {
    private static final Pattern SIZE =
            Pattern.compile("(\\d{1,19}(?:\\.\\d{1,9})?)(?:([KMGTPE])(?:iB)?|B)?", Pattern.CASE_INSENSITIVE);
    private static final Pattern PERCENT = Pattern.compile("(\\d{1,3}(?:\\.\\d{1,9})?) ?%");
    private static final String UNITS = "KMGTPE";

    private Amounts() {}

    static MinimumGain minimumGain(String text) throws BadValueException {
        Matcher percent = PERCENT.matcher(text);
        if (!percent.matches()) {
            return new MinimumGain(bytes(text), 0);
        }
        double amount = Double.parseDouble(percent.group(1));
        if (amount > 100) {
            throw new BadValueException("that is more than all");
        }
        return new MinimumGain(0, amount);
    }

    private static long bytes(String text) throws BadValueException {
        Matcher size = SIZE.matcher(text);
        if (!size.matches()) {
            throw new BadValueException("it must be a size such as 64M or 1.5G, or a percentage such as 5%");
        }
        String unit = size.group(2);
        int power = unit == null ? 0 : UNITS.indexOf(Character.toUpperCase(unit.charAt(0))) + 1;
        BigDecimal bytes = new BigDecimal(size.group(1))
                .multiply(BigDecimal.valueOf(1L << (10 * power)))
                .setScale(0, RoundingMode.DOWN);
        if (bytes.compareTo(BigDecimal.valueOf(Long.MAX_VALUE)) > 0) {
            throw new BadValueException("that is too large");
        }
        return bytes.longValueExact();
    }
}
