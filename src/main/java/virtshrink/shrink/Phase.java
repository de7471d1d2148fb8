package virtshrink.shrink;

import java.util.Locale;

/** The steps of a run, in their order. */
public enum Phase {
    JUDGE,
    LOCK,
    ATTACH,
    INSPECT,
    ESTIMATE,
    ZERO,
    REBUILD,
    VERIFY,
    SWAP;

    /** As the JSON contract spells it. */
    public String contractName() {
        return name().toLowerCase(Locale.ROOT);
    }
}
