package virtshrink.shrink;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes as people write them: {@code 4096}, {@code 64M}, {@code 1.5GiB}. Units are powers of 1024, as qemu-img has them. */
public final class SizeText {
    private static final Pattern SIZE =
            Pattern.compile("(\\d{1,19}(?:\\.\\d{1,9})?)(?:([KMGTPE])(?:iB)?|B)?", Pattern.CASE_INSENSITIVE);
    private static final String UNITS = "KMGTPE";

    private SizeText() {}

    /** Whether the text has the form of a size, too large or not. */
    static boolean isSize(String text) {
        return SIZE.matcher(text).matches();
    }

    /**
     * A size in bytes, a fraction of a byte cut off.
     *
     * @throws IllegalArgumentException if it is none, or 8 EiB and more; the message follows a colon
     */
    public static long bytes(String text) {
        Matcher size = SIZE.matcher(text);
        if (!size.matches()) {
            throw new IllegalArgumentException("it must be a size such as 64M, 1.5G or 4096");
        }
        String unit = size.group(2);
        int power = unit == null ? 0 : UNITS.indexOf(Character.toUpperCase(unit.charAt(0))) + 1;
        BigDecimal bytes = new BigDecimal(size.group(1))
                .multiply(BigDecimal.valueOf(1L << (10 * power)))
                .setScale(0, RoundingMode.DOWN);
        if (bytes.compareTo(BigDecimal.valueOf(Long.MAX_VALUE)) > 0) {
            throw new IllegalArgumentException("that is too large");
        }
        return bytes.longValueExact();
    }

    /** The shortest text of exactly so many bytes, at least 0. */
    public static String of(long bytes) {
        int power = bytes == 0 ? 0 : Math.min(Long.numberOfTrailingZeros(bytes) / 10, UNITS.length());
        return (bytes >> (10 * power)) + (power == 0 ? "" : UNITS.substring(power - 1, power));
    }
}
