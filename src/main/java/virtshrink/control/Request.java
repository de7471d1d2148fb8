package virtshrink.control;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a client asks of the daemon. */
public sealed interface Request {
    /** The version of the protocol that this program speaks. */
    int VERSION = 1;

    /** No request names more domains. */
    int MOST_NAMES = 256;

    /** What it is doing, and what it will do. */
    record Status() implements Request {}

    /**
     * End what is running.
     *
     * @param domain by name or UUID; all if empty
     */
    record Cancel(Optional<String> domain) implements Request {}

    /**
     * Shrink domains now.
     *
     * @param connect URI of the hypervisor whose domains are meant
     * @param domains 1 to {@link #MOST_NAMES} names or UUIDs
     * @param settings how, as an object of the caller's making
     */
    record Shrink(String connect, List<String> domains, Map<String, Object> settings) implements Request {
        public Shrink {
            domains = List.copyOf(domains);
            settings = Collections.unmodifiableMap(new LinkedHashMap<>(settings));
        }
    }
}
