package virtshrink.shrink;

import java.util.Locale;

/** How the run on one disk ended. Only {@link #SHRUNK} means that the image file was replaced (or, on request, discarded in place). */
public enum Outcome {
    SHRUNK,
    NOTHING_TO_GAIN,
    REFUSED,
    YIELDED,
    FAILED;

    /** As the JSON contract spells it: {@code nothing-to-gain}. */
    public String contractName() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
