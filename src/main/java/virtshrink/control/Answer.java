package virtshrink.control;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import virtshrink.shrink.Phase;

/** What the daemon answers, a line each. */
public sealed interface Answer {
    /** The request is not, or no longer, dealt with; the last line. */
    record Refused(Why why, String reason) implements Answer {}

    /** To {@link Request.Status}; the last line. */
    record Status(Map<String, Object> state) implements Answer {
        public Status {
            state = Collections.unmodifiableMap(new LinkedHashMap<>(state));
        }
    }

    /** To {@link Request.Cancel}: the domains whose runs were ended; the last line. */
    record Cancelled(List<String> domains) implements Answer {
        public Cancelled {
            domains = List.copyOf(domains);
        }
    }

    /** To {@link Request.Shrink}, first of all: it will be done. */
    record Accepted() implements Answer {}

    /** Something else is being done first. */
    record Waiting(String reason) implements Answer {}

    /** A domain has its turn. */
    record Subject(String domain) implements Answer {}

    /** A phase of the run begins. */
    record PhaseBegan(Phase phase) implements Answer {}

    /** The phase came further. May be left out where the client does not keep up. */
    record Progress(long doneBytes, long totalBytes) implements Answer {}

    /** What became of a domain. */
    record Result(Map<String, Object> result) implements Answer {
        public Result {
            result = Collections.unmodifiableMap(new LinkedHashMap<>(result));
        }
    }

    /** There is nothing more to say. */
    record End() implements Answer {}

    /** Kinds of refusals, for clients that can do something else instead. */
    enum Why {
        /** Not a request of this protocol and version. */
        MALFORMED,
        /** This user may not ask. */
        NOT_PERMITTED,
        /** Too many are asking. */
        BUSY,
        /** Nothing that this daemon does; the client may do it itself. */
        NOT_MINE,
        /** It went wrong. */
        FAILED
    }
}
