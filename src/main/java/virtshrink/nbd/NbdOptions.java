package virtshrink.nbd;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;

/**
 * How to connect. Made by {@link #defaults} and the {@code with} methods; immutable.
 *
 * @param exportName the export; the empty name is the server's default one. At most 4,096 bytes
 * @param metaContexts metadata contexts to ask for, such as {@code base:allocation} or {@code qemu:allocation-depth}; at most 64,
 *     each at most 4,096 bytes. What the server does not know it leaves out: see {@link NbdClient#hasMetaContext}
 * @param handshakeTimeout for connecting and agreeing, all together
 * @param requestTimeout for each request from its sending to the end of its reply
 * @param requestsInFlight how many requests may await their replies on the connection, 1 to 1,024; more wait to be sent
 */
public record NbdOptions(
        String exportName,
        List<String> metaContexts,
        Duration handshakeTimeout,
        Duration requestTimeout,
        int requestsInFlight) {
    /** The protocol's bound on every string. */
    static final int LONGEST_STRING_BYTES = 4096;

    private static final int MOST_CONTEXTS = 64;
    private static final int MOST_IN_FLIGHT = 1024;
    private static final Duration LONGEST_TIMEOUT = Duration.ofDays(1);

    public NbdOptions {
        metaContexts = List.copyOf(metaContexts);
        requireShort(exportName);
        if (metaContexts.size() > MOST_CONTEXTS || new HashSet<>(metaContexts).size() != metaContexts.size()) {
            throw new IllegalArgumentException("more than " + MOST_CONTEXTS + " metadata contexts, or one named twice");
        }
        for (String context : metaContexts) {
            requireShort(context);
            if (context.indexOf(':') < 1 || context.endsWith(":")) {
                throw new IllegalArgumentException("a metadata context is NAMESPACE:NAME, not " + context);
            }
        }
        requireTimeout(handshakeTimeout);
        requireTimeout(requestTimeout);
        if (requestsInFlight < 1 || requestsInFlight > MOST_IN_FLIGHT) {
            throw new IllegalArgumentException(
                    "requests in flight: 1 to " + MOST_IN_FLIGHT + ", not " + requestsInFlight);
        }
    }

    /** The default export, no metadata contexts, 10 s for the handshake, 60 s for a request, 16 requests in flight. */
    public static NbdOptions defaults() {
        return new NbdOptions("", List.of(), Duration.ofSeconds(10), Duration.ofSeconds(60), 16);
    }

    public NbdOptions withExportName(String name) {
        return new NbdOptions(name, metaContexts, handshakeTimeout, requestTimeout, requestsInFlight);
    }

    public NbdOptions withMetaContexts(String... contexts) {
        return new NbdOptions(exportName, List.of(contexts), handshakeTimeout, requestTimeout, requestsInFlight);
    }

    public NbdOptions withHandshakeTimeout(Duration timeout) {
        return new NbdOptions(exportName, metaContexts, timeout, requestTimeout, requestsInFlight);
    }

    public NbdOptions withRequestTimeout(Duration timeout) {
        return new NbdOptions(exportName, metaContexts, handshakeTimeout, timeout, requestsInFlight);
    }

    public NbdOptions withRequestsInFlight(int requests) {
        return new NbdOptions(exportName, metaContexts, handshakeTimeout, requestTimeout, requests);
    }

    private static void requireShort(String text) {
        if (text.getBytes(StandardCharsets.UTF_8).length > LONGEST_STRING_BYTES) {
            throw new IllegalArgumentException("a name longer than " + LONGEST_STRING_BYTES + " bytes");
        }
    }

    private static void requireTimeout(Duration timeout) {
        if (timeout.isNegative() || timeout.isZero() || timeout.compareTo(LONGEST_TIMEOUT) > 0) {
            throw new IllegalArgumentException("a timeout must be positive and at most a day, not " + timeout);
        }
    }
}
