package virtshrink.shrink;

import java.util.List;
import java.util.Optional;

/**
 * What the other disks of the same domain say about this one.
 *
 * @param suspended a disk holds a suspended guest: nothing of the domain may be touched
 * @param doubt something on another disk does not prove that the guest is not suspended: swap, which carries no mark of being in use, is left
 *     alone
 * @param unfinished something on another disk shows that the guest did not finish: what carries no mark of being in use is left alone
 * @param mountObjection something on any of the domain's disks may hold the memory of a suspended guest, or shows that the guest did not finish:
 *     nothing is mounted to be written to
 * @param companions the disks on which parts of what lies on this one are
 */
record RunContext(
        Optional<String> suspended,
        Optional<String> doubt,
        Optional<String> unfinished,
        Optional<String> mountObjection,
        List<ShrinkRequest> companions) {
    /** A disk by itself. */
    static final RunContext ALONE =
            new RunContext(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), List.of());

    RunContext {
        companions = List.copyOf(companions);
    }
}
