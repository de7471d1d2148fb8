package virtshrink.history;

import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.NightBegan;
import virtshrink.history.HistoryEntry.NightEnded;
import virtshrink.shrink.Outcome;

/** The newest of everything: what the daemon asks its history. Not thread-safe. */
final class LastRuns implements PastRuns {
    private final Map<DiskKey, DiskRun> lastRun = new HashMap<>();
    private final Map<DiskKey, DiskRun> lastShrunk = new HashMap<>();
    private final Map<String, NightBegan> lastNight = new HashMap<>();
    private final Map<String, Tally> thisNight = new HashMap<>();
    private final Map<String, NightSummary> lastResult = new HashMap<>();

    private record DiskKey(UUID domain, String target) {
        static DiskKey of(DiskRun run) {
            return new DiskKey(run.uuid(), run.target());
        }
    }

    void add(HistoryEntry entry) {
        if (entry instanceof DiskRun run) {
            lastRun.put(DiskKey.of(run), run);
            Optional.ofNullable(thisNight.get(run.schedule())).ifPresent(tally -> tally.add(run));
            if (run.outcome() == Outcome.SHRUNK) {
                lastShrunk.put(DiskKey.of(run), run);
            }
        } else if (entry instanceof NightBegan night) {
            lastNight.put(night.schedule(), night);
            thisNight.put(night.schedule(), new Tally());
        } else if (entry instanceof NightEnded night) {
            Tally tally = thisNight.getOrDefault(night.schedule(), new Tally());
            lastResult.put(night.schedule(), new NightSummary(night, tally.shrunk, tally.failed, tally.reclaimedBytes));
            thisNight.remove(night.schedule());
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

    Optional<NightSummary> resultOf(String schedule) {
        return Optional.ofNullable(lastResult.get(schedule));
    }

    /** Whether anybody will still ask for it. */
    boolean holds(HistoryEntry entry) {
        if (entry instanceof DiskRun run) {
            DiskKey key = DiskKey.of(run);
            return run.equals(lastRun.get(key)) || run.equals(lastShrunk.get(key));
        }
        return entry instanceof NightBegan night && night.equals(lastNight.get(night.schedule()));
    }

    /** Sums over the disks of a night that is not over. */
    private static final class Tally {
        private int shrunk;
        private int failed;
        private long reclaimedBytes;

        void add(DiskRun run) {
            shrunk += run.outcome() == Outcome.SHRUNK ? 1 : 0;
            failed += run.outcome() == Outcome.FAILED ? 1 : 0;
            reclaimedBytes += run.reclaimedBytes();
        }
    }
}
