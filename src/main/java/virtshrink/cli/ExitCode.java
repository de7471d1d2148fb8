package virtshrink.cli;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import virtshrink.shrink.Outcome;

/** The documented exit codes. */
enum ExitCode {
    DONE(0),
    FAILED(1),
    USAGE(2),
    REFUSED(3),
    YIELDED(4);

    /** What a script must hear of first when several disks ended differently. */
    private static final List<ExitCode> WORST_FIRST = List.of(FAILED, YIELDED, REFUSED, USAGE, DONE);

    private final int status;

    ExitCode(int status) {
        this.status = status;
    }

    int status() {
        return status;
    }

    static ExitCode of(Outcome outcome) {
        return switch (outcome) {
            case SHRUNK, NOTHING_TO_GAIN -> DONE;
            case REFUSED -> REFUSED;
            case YIELDED -> YIELDED;
            case FAILED -> FAILED;
        };
    }

    /** The one code for several results: a failure before a yield before a refusal; {@link #DONE} when there are none. */
    static ExitCode worst(Collection<ExitCode> codes) {
        return codes.stream().min(Comparator.comparing(WORST_FIRST::indexOf)).orElse(DONE);
    }
}
