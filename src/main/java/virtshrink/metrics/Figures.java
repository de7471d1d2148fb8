package virtshrink.metrics;

import io.prometheus.metrics.config.EscapingScheme;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.NightEnded;
import virtshrink.shrink.Cause;
import virtshrink.shrink.Phase;

/**
 * What is counted while the daemon runs, and together with {@link Standing} all figures that there are. Labels have few values, which no guest
 * can choose: outcomes, causes, phases and the names of schedules. Thread-safe.
 */
final class Figures {
    /** From reading a partition table to copying an image of terabytes. */
    private static final double[] PHASE_SECONDS = {0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400};

    private final PrometheusRegistry registry = new PrometheusRegistry();
    private final PrometheusTextFormatWriter writer = PrometheusTextFormatWriter.create();
    private final Standing standing;

    private final Counter reclaimed = Counter.builder()
            .name("virt_shrink_reclaimed_bytes_total")
            .help("Bytes given back to the host.")
            .withoutExemplars()
            .register(registry);
    private final Counter runs = Counter.builder()
            .name("virt_shrink_disk_runs_total")
            .help("Runs on disks, by how they ended and of which kind the reason was.")
            .labelNames("outcome", "cause")
            .withoutExemplars()
            .register(registry);
    private final Histogram phases = Histogram.builder()
            .name("virt_shrink_phase_duration_seconds")
            .help("Time that runs have spent in each phase.")
            .labelNames("phase")
            .classicOnly()
            .classicUpperBounds(PHASE_SECONDS)
            .withoutExemplars()
            .register(registry);

    /** Counters begin at zero, as Prometheus expects after a restart, and all of them at once: a series that appears only with its first event hides that event. */
    Figures(Standing standing) {
        this.standing = standing;
        standing.registerIn(registry);
        for (Cause cause : Cause.values()) {
            runs.initLabelValues(cause.outcome().contractName(), cause.contractName());
        }
        for (Phase phase : Phase.values()) {
            phases.initLabelValues(phase.contractName());
        }
    }

    /** Of the past: it is known, and not counted again. */
    synchronized void recall(HistoryEntry entry) {
        standing.add(entry);
    }

    /** Of this moment. */
    synchronized void count(HistoryEntry entry) {
        standing.add(entry);
        if (entry instanceof DiskRun run) {
            runs.labelValues(run.outcome().contractName(), run.cause().contractName())
                    .inc();
            // In place, a guest's own writing may have made the file larger meanwhile; a counter never goes down.
            reclaimed.inc(Math.max(0, run.reclaimedBytes()));
            run.phases()
                    .forEach((phase, time) ->
                            phases.labelValues(phase.contractName()).observe(time.toNanos() / 1e9));
        } else if (entry instanceof NightEnded) {
            standing.forgetRemovedDisks();
        }
    }

    /** All of them in Prometheus' text format, version 0.0.4, which is UTF-8. */
    synchronized byte[] text() {
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        try {
            writer.write(text, registry.scrape(), EscapingScheme.UNDERSCORE_ESCAPING);
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        return text.toByteArray();
    }
}
