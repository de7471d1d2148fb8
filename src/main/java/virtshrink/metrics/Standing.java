package virtshrink.metrics;

import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.core.metrics.Info;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.prometheus.metrics.model.snapshots.Labels;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.NightBegan;
import virtshrink.history.HistoryEntry.NightEnded;
import virtshrink.shrink.Outcome;

/**
 * How things stand: figures that follow from the history, so that a restart does not change them. What is not known yet is left out. Not
 * thread-safe.
 */
final class Standing {
    private final String version;
    private final Supplier<Map<String, Optional<Instant>>> schedules;
    private final KnownDisks disks = new KnownDisks();
    private final Nights nights = new Nights();
    private Optional<Instant> lastShrunk = Optional.empty();

    /**
     * Knows nothing yet.
     *
     * @param schedules asked whenever somebody reads the figures: the schedules that are configured, and when each is next due; those that are
     *     only in the history do not show
     */
    Standing(String version, Supplier<Map<String, Optional<Instant>>> schedules) {
        this.version = version;
        this.schedules = schedules;
    }

    void add(HistoryEntry entry) {
        if (entry instanceof DiskRun run) {
            disks.add(run);
            if (run.outcome() == Outcome.SHRUNK) {
                lastShrunk = Optional.of(run.at());
            }
        } else if (entry instanceof NightBegan night) {
            nights.add(night);
        } else if (entry instanceof NightEnded night) {
            nights.add(night);
        }
    }

    /** Looks whether the images are still there. */
    void forgetRemovedDisks() {
        disks.forgetRemoved();
    }

    void registerIn(PrometheusRegistry registry) {
        Info.builder()
                .name("virt_shrink_build_info")
                .help("The version that runs.")
                .constLabels(Labels.of("version", version))
                .register(registry);
        registerDisks(registry);
        registerDomains(registry);
        registerTime(
                registry,
                "virt_shrink_next_fire_timestamp_seconds",
                "When the schedule is next due.",
                (schedule, nextTime) -> nextTime);
        registerTime(
                registry,
                "virt_shrink_night_begin_timestamp_seconds",
                "When the work of the schedule last began.",
                (schedule, nextTime) -> nights.begin(schedule).map(HistoryEntry::at));
        registerTime(
                registry,
                "virt_shrink_night_end_timestamp_seconds",
                "When the work of the schedule last ended.",
                (schedule, nextTime) -> nights.end(schedule).map(HistoryEntry::at));
        registerTime(
                registry,
                "virt_shrink_last_success_timestamp_seconds",
                "When the work of the schedule last ended with everything done.",
                (schedule, nextTime) -> nights.complete(schedule).map(HistoryEntry::at));
    }

    private void registerDisks(PrometheusRegistry registry) {
        GaugeWithCallback.builder()
                .name("virt_shrink_reclaimable_bytes")
                .help("Bytes that runs could give back now, as far as the last run on each disk tells.")
                .callback(gauge -> gauge.call((double) disks.reclaimableBytes()))
                .register(registry);
        GaugeWithCallback.builder()
                .name("virt_shrink_disks")
                .help("Disks, by how the last run on them ended.")
                .labelNames("outcome")
                .callback(gauge -> {
                    for (Outcome outcome : Outcome.values()) {
                        gauge.call((double) disks.count(outcome), outcome.contractName());
                    }
                })
                .register(registry);
        GaugeWithCallback.builder()
                .name("virt_shrink_last_shrunk_timestamp_seconds")
                .help("When a disk was last shrunk.")
                .callback(gauge -> lastShrunk.ifPresent(time -> gauge.call(seconds(time))))
                .register(registry);
    }

    private void registerDomains(PrometheusRegistry registry) {
        GaugeWithCallback.builder()
                .name("virt_shrink_night_domains")
                .help("Domains that the schedule's last work was for, by what became of them.")
                .labelNames("schedule", "choice")
                .callback(gauge -> schedules
                        .get()
                        .keySet()
                        .forEach(schedule -> nights.end(schedule).ifPresent(night -> {
                            gauge.call(night.leftAlone(), schedule, "left-alone");
                            gauge.call(night.unchanged(), schedule, "unchanged");
                            gauge.call(night.attempted(), schedule, "attempted");
                        })))
                .register(registry);
    }

    private void registerTime(
            PrometheusRegistry registry,
            String name,
            String help,
            BiFunction<String, Optional<Instant>, Optional<Instant>> time) {
        GaugeWithCallback.builder()
                .name(name)
                .help(help)
                .labelNames("schedule")
                .callback(gauge -> schedules
                        .get()
                        .forEach((schedule, nextTime) -> time.apply(schedule, nextTime)
                                .ifPresent(known -> gauge.call(seconds(known), schedule))))
                .register(registry);
    }

    private static double seconds(Instant time) {
        return time.toEpochMilli() / 1e3;
    }
}
