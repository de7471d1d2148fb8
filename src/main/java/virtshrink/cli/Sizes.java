package virtshrink.cli;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;
import virtshrink.shrink.MinimumGain;

/** Reads amounts: {@code 4096}, {@code 10M}, {@code 1.5GiB}, {@code 5%}. Units are powers of 1024, as qemu-img has them. */
final class Sizes {
    private static final Pattern SIZE =
            Pattern.compile("(\\d{1,19}(?:\\.\\d{1,9})?)(?:([KMGTPE])(?:iB)?|B)?", Pattern.CASE_INSENSITIVE);
    private static final Pattern PERCENT = Pattern.compile("(\\d{1,3}(?:\\.\\d{1,9})?) ?%");
    private static final String UNITS = "KMGTPE";

    private Sizes() {}

    /**
     * A size in bytes, a fraction of a byte cut off.
     *
     * @throws TypeConversionException if it is none, or 8 EiB and more
     */
    static long parse(String text) {
        Matcher size = SIZE.matcher(text);
        if (!size.matches()) {
            throw new TypeConversionException("'" + text + "' is no size such as 10M, 1.5G or 4096");
        }
        String unit = size.group(2);
        int power = unit == null ? 0 : UNITS.indexOf(Character.toUpperCase(unit.charAt(0))) + 1;
        BigDecimal bytes = new BigDecimal(size.group(1))
                .multiply(BigDecimal.valueOf(1L << (10 * power)))
                .setScale(0, RoundingMode.DOWN);
        if (bytes.compareTo(BigDecimal.valueOf(Long.MAX_VALUE)) > 0) {
            throw new TypeConversionException("'" + text + "' is too large");
        }
        return bytes.longValueExact();
    }

    /** Reads {@code SIZE} or {@code PERCENT}. */
    static final class MinimumGainConverter implements ITypeConverter<MinimumGain> {
        @Override
        public MinimumGain convert(String value) {
            Matcher percent = PERCENT.matcher(value);
            if (!percent.matches()) {
                return new MinimumGain(parse(value), 0);
            }
            double amount = Double.parseDouble(percent.group(1));
            if (amount > 100) {
                throw new TypeConversionException("'" + value + "' is more than all");
            }
            return new MinimumGain(0, amount);
        }
    }
}
