package virtshrink.daemon;

import java.time.Instant;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import virtshrink.libvirt.DomainChange;
import virtshrink.schedule.Schedule;

/**
 * Domains that have shut down and are looked at a while later, unless they are started, undefined or otherwise alive before. Kept in memory: what
 * shut down while the daemon did not run is a matter of the next night. Thread-safe.
 */
final class AfterStop {
    private final Map<Key, Due> waiting = new LinkedHashMap<>();

    private record Key(String schedule, UUID domain) {}

    /**
     * A domain's turn.
     *
     * @param schedule whose wish it is, by its name
     */
    record Due(String schedule, UUID domain, String name, Instant at) {}

    /** Something became of a domain. */
    synchronized void changed(DomainChange change, List<Schedule> schedules, Instant now) {
        switch (change.kind()) {
            case DEFINED -> {}
            case SHUT_DOWN ->
                schedules.forEach(schedule -> schedule.afterStop()
                        .ifPresent(delay -> waiting.put(
                                new Key(schedule.name(), change.domain()),
                                new Due(schedule.name(), change.domain(), change.name(), now.plus(delay)))));
            case UNDEFINED, RUNS, FAILED_TO_START, STOPPED_OTHERWISE ->
                waiting.keySet().removeIf(key -> key.domain().equals(change.domain()));
        }
    }

    /** Whether it is the turn of any. */
    synchronized boolean isAnyDue(Instant now) {
        return first(now).isPresent();
    }

    /** The one that has waited longest of those whose turn it is; it is forgotten here. */
    synchronized Optional<Due> takeDue(Instant now) {
        Optional<Due> due = first(now);
        due.ifPresent(taken -> waiting.remove(new Key(taken.schedule(), taken.domain())));
        return due;
    }

    private Optional<Due> first(Instant now) {
        return waiting.values().stream().filter(due -> !due.at().isAfter(now)).min(Comparator.comparing(Due::at));
    }
}
