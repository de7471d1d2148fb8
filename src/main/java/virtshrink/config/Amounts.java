package virtshrink.config;

import virtshrink.config.Section.BadValueException;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.SizeText;

/** Reads amounts as the command line does: {@code 4096}, {@code 64M}, {@code 1.5GiB}, {@code 5%}. Units are powers of 1024. */
final class Amounts {
    private Amounts() {}

    static long bytes(String text) throws BadValueException {
        try {
            return SizeText.bytes(text);
        } catch (IllegalArgumentException e) {
            throw new BadValueException(String.valueOf(e.getMessage()));
        }
    }

    static MinimumGain minimumGain(String text) throws BadValueException {
        try {
            return MinimumGain.parse(text);
        } catch (IllegalArgumentException e) {
            throw new BadValueException(String.valueOf(e.getMessage()));
        }
    }
}
