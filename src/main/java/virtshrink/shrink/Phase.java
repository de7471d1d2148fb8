package virtshrink.shrink;

import java.util.Locale;

/** The steps of a run, in their order. Taking the lock is part of judging. */
public enum Phase {
    JUDGE,
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
