package virtshrink.shrink;

import java.math.BigDecimal;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The least gain that is worth a run: the larger of both limits.
 *
 * @param bytes at least 0
 * @param percent of what the image takes now, 0 to 100
 */
public record MinimumGain(long bytes, double percent) {
    /** One byte is enough. */
    public static final MinimumGain ANY = new MinimumGain(1, 0);

    private static final Pattern PERCENT = Pattern.compile("(\\d{1,3}(?:\\.\\d{1,9})?) ?%");

    public MinimumGain {
        if (bytes < 0 || !(percent >= 0 && percent <= 100)) {
            throw new IllegalArgumentException("not a minimum gain: " + bytes + " bytes, " + percent + " percent");
        }
    }

    /**
     * Reads a size as {@link SizeText} does, or a percentage such as {@code 5%}.
     *
     * @throws IllegalArgumentException if it is neither; the message follows a colon
     */
    public static MinimumGain parse(String text) {
        Matcher percent = PERCENT.matcher(text);
        if (percent.matches()) {
            double amount = Double.parseDouble(percent.group(1));
            if (amount > 100) {
                throw new IllegalArgumentException("that is more than all");
            }
            return new MinimumGain(0, amount);
        }
        if (!SizeText.isSize(text)) {
            throw new IllegalArgumentException("it must be a size such as 64M or 1.5G, or a percentage such as 5%");
        }
        return new MinimumGain(SizeText.bytes(text), 0);
    }

    /** Whether a gain is worth it. */
    public boolean isMetBy(long gainBytes, long allocatedBytes) {
        return gainBytes > 0 && gainBytes >= bytes && gainBytes >= allocatedBytes * percent / 100;
    }

    /** As {@link #parse} reads it; with both limits, the size and then the percentage. */
    public String text() {
        String percentage =
                new BigDecimal(String.valueOf(percent)).stripTrailingZeros().toPlainString() + "%";
        if (percent == 0) {
            return SizeText.of(bytes);
        }
        return bytes == 0 ? percentage : SizeText.of(bytes) + " and " + percentage;
    }
}
