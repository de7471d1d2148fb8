package virtshrink.daemon;

import java.time.Duration;

/** How long to wait before the next attempt: twice as long as before, from one second to one minute. Not thread-safe. */
final class Backoff {
    private static final Duration FIRST = Duration.ofSeconds(1);
    private static final Duration LONGEST = Duration.ofMinutes(1);

    private Duration next = FIRST;
    private boolean begun;

    /** Whether anything was waited for yet. */
    boolean begun() {
        return begun;
    }

    Duration next() {
        begun = true;
        Duration now = next;
        Duration doubled = now.multipliedBy(2);
        next = doubled.compareTo(LONGEST) < 0 ? doubled : LONGEST;
        return now;
    }
}
