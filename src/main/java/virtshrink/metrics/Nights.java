package virtshrink.metrics;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryEntry.NightBegan;
import virtshrink.history.HistoryEntry.NightEnded;

/** The last work of every schedule. Not thread-safe. */
final class Nights {
    private final Map<String, NightBegan> lastBegin = new HashMap<>();
    private final Map<String, NightEnded> lastEnd = new HashMap<>();
    private final Map<String, NightEnded> lastComplete = new HashMap<>();

    void add(NightBegan night) {
        lastBegin.put(night.schedule(), night);
    }

    void add(NightEnded night) {
        lastEnd.put(night.schedule(), night);
        if (night.reason().isEmpty()) {
            lastComplete.put(night.schedule(), night);
        }
    }

    Optional<NightBegan> begin(String schedule) {
        return Optional.ofNullable(lastBegin.get(schedule));
    }

    Optional<NightEnded> end(String schedule) {
        return Optional.ofNullable(lastEnd.get(schedule));
    }

    /** The last that did everything it was for. */
    Optional<? extends HistoryEntry> complete(String schedule) {
        return Optional.ofNullable(lastComplete.get(schedule));
    }
}
