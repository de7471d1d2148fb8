package virtshrink.shrink;

import java.util.Locale;
import virtshrink.image.ImageRefusedException;

/** Why a run ended as it did: the few kinds that figures tell apart. What exactly it was stands in the reason, for people. */
public enum Cause {
    /** It did what it was for. */
    DONE(Outcome.SHRUNK),

    FREE_SPACE_EMPTY(Outcome.NOTHING_TO_GAIN),
    BELOW_MINIMUM(Outcome.NOTHING_TO_GAIN),
    /** The new file was made, and takes no less. */
    NO_SMALLER(Outcome.NOTHING_TO_GAIN),
    DRY_RUN(Outcome.NOTHING_TO_GAIN),

    /** What kind of file it is, its features, or what stands on it. */
    IMAGE(Outcome.REFUSED),
    /** Another process has it open or holds a lock. */
    IN_USE(Outcome.REFUSED),
    /** The domain is not off, or has something saved. */
    DOMAIN(Outcome.REFUSED),
    /** What lies on the disk: its partition table, or a suspended guest. */
    CONTENT(Outcome.REFUSED),
    HOST_SPACE(Outcome.REFUSED),
    /** What the host's filesystem cannot do, or does not allow. */
    HOST_FILESYSTEM(Outcome.REFUSED),

    GUEST_STARTS(Outcome.YIELDED),
    WINDOW_OVER(Outcome.YIELDED),
    DAEMON_STOPS(Outcome.YIELDED),
    /** The domain was started or changed by others, or is gone. */
    DOMAIN_CHANGED(Outcome.YIELDED),
    /** Others have taken the host's free space. */
    RESERVE_UNDERCUT(Outcome.YIELDED),
    CANCELLED(Outcome.YIELDED),

    /** A tool, a file or the disk under it did not do as it should; or the result was not equal to the original. */
    FAULT(Outcome.FAILED),
    INTERNAL_ERROR(Outcome.FAILED);

    private final Outcome outcome;

    Cause(Outcome outcome) {
        this.outcome = outcome;
    }

    /** The one outcome that it leads to. */
    public Outcome outcome() {
        return outcome;
    }

    /** As figures and the history spell it: {@code host-space}. */
    public String contractName() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** What to say where nothing but the outcome is known. */
    public static Cause generalOf(Outcome outcome) {
        return switch (outcome) {
            case SHRUNK -> DONE;
            case NOTHING_TO_GAIN -> BELOW_MINIMUM;
            case REFUSED -> IMAGE;
            case YIELDED -> CANCELLED;
            case FAILED -> FAULT;
        };
    }

    /** What stood in the way, as a cause. */
    public static Cause of(ImageRefusedException refused) {
        return switch (refused.kind()) {
            case IMAGE -> IMAGE;
            case IN_USE -> IN_USE;
            case DOMAIN -> DOMAIN;
            case CONTENT -> CONTENT;
            case HOST_SPACE -> HOST_SPACE;
            case HOST_FILESYSTEM -> HOST_FILESYSTEM;
        };
    }

    /** Of a run that was to end after its estimate. */
    static Cause ofEstimate(long gainBytes, boolean worthIt) {
        if (gainBytes == 0) {
            return FREE_SPACE_EMPTY;
        }
        return worthIt ? DRY_RUN : BELOW_MINIMUM;
    }
}
