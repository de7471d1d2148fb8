package virtshrink.history;

import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.NightBegan;
import virtshrink.shrink.Outcome;

/** The newest of everything: what the daemon asks its history. Not thread-safe. */
final class LastRuns implements PastRuns {
    private final Map<DiskKey, DiskRun> lastRun = new HashMap<>();
    private final Map<DiskKey, DiskRun> lastShrunk = new HashMap<>();
    private final Map<String, NightBegan> lastNight = new HashMap<>();

    private record DiskKey(UUID domain, String target) {
        static DiskKey of(DiskRun run) {
            return new DiskKey(run.uuid(), run.target());
        }
    }

    void add(HistoryEntry entry) {
        if (entry instanceof DiskRun run) {
            lastRun.put(DiskKey.of(run), run);
            if (run.outcome() == Outcome.SHRUNK) {
                lastShrunk.put(DiskKey.of(run), run);
            }
        } else if (entry instanceof NightBegan night) {
            lastNight.put(night.schedule(), night);
        }
    }

    @Override
    public Optional<DiskRun> lastOfDisk(UUID domain, String target) {
        return Optional.ofNullable(lastRun.get(new DiskKey(domain, target)));
    }

    @Override
    public Optional<Instant> lastShrunk(UUID domain) {
        return lastShrunk.values().stream()
                .filter(run -> run.uuid().equals(domain))
                .map(DiskRun::at)
                .max(Instant::compareTo);
    }

    Optional<NightBegan> ofSchedule(String name) {
        return Optional.ofNullable(lastNight.get(name));
    }

    /** Whether anybody will still ask for it. */
    boolean holds(HistoryEntry entry) {
        if (entry instanceof DiskRun run) {
            DiskKey key = DiskKey.of(run);
            return run.equals(lastRun.get(key)) || run.equals(lastShrunk.get(key));
        }
        return entry instanceof NightBegan night && night.equals(lastNight.get(night.schedule()));
    }
}
