package virtshrink.shrink;

import java.util.Optional;

/**
 * What the other disks of the same domain say about this one.
 *
 * @param suspended a disk holds a suspended guest: nothing of the domain may be touched
 * @param dirty a filesystem of another disk was not cleanly unmounted: swap, which carries no mark of being in use, is left alone
 */
record RunContext(Optional<String> suspended, Optional<String> dirty) {
    /** A disk by itself. */
    static final RunContext ALONE = new RunContext(Optional.empty(), Optional.empty());
}
