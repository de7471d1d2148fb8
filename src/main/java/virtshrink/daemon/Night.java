package virtshrink.daemon;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.ImageStamp;
import virtshrink.history.HistoryEntry.NightBegan;
import virtshrink.history.HistoryEntry.NightEnded;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.schedule.MaintenanceWindow;
import virtshrink.schedule.Schedule;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;

/**
 * One schedule's work at one time: choose the domains, estimate what each would give back, then shrink them, the largest gain first. Used once,
 * by one thread.
 */
final class Night {
    private static final Logger LOG = LoggerFactory.getLogger(Night.class);

    /** How long libvirt may be absent before this night's work is given up. */
    private static final Duration PATIENCE = Duration.ofHours(1);

    private final Workshop workshop;
    private final Schedule schedule;
    private final Instant due;
    private final MaintenanceWindow window;
    private final DomainLink link;
    private final OriginalsCare originals;

    private int selected;
    private int leftAlone;
    private int unchanged;
    private int attempted;

    Night(Workshop workshop, String uri, Schedule schedule, Instant due) {
        this.workshop = workshop;
        this.schedule = schedule;
        this.due = due;
        this.window = schedule.window(due);
        this.link = new DomainLink(workshop, uri, PATIENCE, this::whyNotGoOn);
        this.originals = new OriginalsCare(workshop);
    }

    /** A domain that is worth a run. */
    private record Worthwhile(UUID uuid, String name, long gainBytes) {}

    void run() {
        if (!window.mayStartAt(now())) {
            LOG.warn(
                    "{}: the work that was due at {} is left out, its maintenance window is over",
                    schedule.name(),
                    due);
            return;
        }
        LOG.info("{}: begins the work that was due at {}", schedule.name(), due);
        remember(new NightBegan(now(), schedule.name(), schedule.rhythm(), due));
        workshop.current().begin(window);
        String reason = "";
        try (link) {
            work();
        } catch (WorkOverException over) {
            reason = over.reason();
        } catch (LibvirtUnavailableException e) {
            reason = String.valueOf(e.getMessage());
        } finally {
            workshop.current().end();
        }
        remember(new NightEnded(now(), schedule.name(), due, selected, leftAlone, unchanged, attempted, reason));
        LOG.info(
                "{}: ended{}; domains: {} meant, {} left alone, {} unchanged, {} looked at",
                schedule.name(),
                reason.isEmpty() ? "" : " early: " + reason,
                selected,
                leftAlone,
                unchanged,
                attempted);
    }

    private void work() throws LibvirtUnavailableException, WorkOverException {
        originals.tidyUp(link, schedule.name());
        say("asking libvirt for its domains");
        Map<String, Path> pools = link.ask(Domains::poolDirectories);
        ChoiceRule rule = new ChoiceRule(schedule, workshop.history(), pools);
        List<Choice.Take> taken = new ArrayList<>();
        for (DomainVerdict verdict : link.ask(Domains::all)) {
            Choice choice = rule.choose(verdict, now());
            count(verdict, choice);
            if (choice instanceof Choice.Take take) {
                taken.add(take);
            }
        }
        List<Worthwhile> worthwhile = new ArrayList<>();
        for (Choice.Take take : taken) {
            requireTime();
            estimate(take).ifPresent(worthwhile::add);
        }
        worthwhile.sort(
                Comparator.comparingLong(Worthwhile::gainBytes).reversed().thenComparing(Worthwhile::name));
        for (Worthwhile domain : worthwhile) {
            requireTime();
            shrink(domain, rule);
        }
    }

    private void count(DomainVerdict verdict, Choice choice) {
        String name = verdict.domain().name();
        if (choice instanceof Choice.NotMeant notMeant) {
            LOG.debug("{}: {} is not meant: {}", schedule.name(), name, notMeant.reason());
            return;
        }
        selected++;
        if (choice instanceof Choice.LeftAlone left) {
            leftAlone++;
            LOG.info("{}: left alone: {}", name, left.reason());
        } else if (choice instanceof Choice.Unchanged) {
            unchanged++;
            LOG.debug("{}: unchanged since its last run", name);
        } else {
            attempted++;
        }
    }

    private Optional<Worthwhile> estimate(Choice.Take take) {
        say(take.name() + ": estimating");
        Map<Path, ImageStamp> stamps = stamps(take);
        long gain = 0;
        List<DiskRun> ended = new ArrayList<>();
        for (ShrinkReport report : run(take, true)) {
            boolean worth = report.outcome() == Outcome.NOTHING_TO_GAIN
                    && schedule.minimumGain()
                            .isMetBy(report.reclaimableBytes(), report.before().allocatedBytes());
            if (worth) {
                gain = Math.addExact(gain, report.reclaimableBytes());
            }
            ended.add(entry(take, stamps, report, whyNotWorth(report)));
        }
        if (gain > 0) {
            return Optional.of(new Worthwhile(take.verdict().domain().uuid(), take.name(), gain));
        }
        ended.forEach(this::finished);
        return Optional.empty();
    }

    /** What a plain run, not a dry one, would say. */
    private static Optional<String> whyNotWorth(ShrinkReport report) {
        if (report.outcome() != Outcome.NOTHING_TO_GAIN) {
            return Optional.empty();
        }
        return Optional.of(
                report.reclaimableBytes() == 0
                        ? "free space holds no data"
                        : "the gain of %d bytes is below the minimum".formatted(report.reclaimableBytes()));
    }

    /** Everything is asked anew: since the estimate hours may have passed. */
    private void shrink(Worthwhile domain, ChoiceRule rule) throws LibvirtUnavailableException, WorkOverException {
        Optional<DomainVerdict> verdict =
                link.ask(domains -> domains.named(domain.uuid().toString()));
        Optional<Choice> choice = verdict.map(judged -> rule.choose(judged, now()));
        if (choice.isEmpty() || !(choice.get() instanceof Choice.Take take)) {
            LOG.info(
                    "{}: left alone after all: {}",
                    domain.name(),
                    choice.map(Choice::words).orElse("it is no longer defined"));
            return;
        }
        requireTime();
        Map<Path, ImageStamp> stamps = stamps(take);
        for (ShrinkReport report : run(take, false)) {
            finished(entry(take, stamps, report, Optional.empty()));
            if (report.outcome() == Outcome.SHRUNK) {
                refreshPool(report.image());
            }
        }
    }

    /** The reports on the disks that are meant. */
    private List<ShrinkReport> run(Choice.Take take, boolean estimateOnly) {
        List<ShrinkRequest> requests = take.verdict().requests();
        List<ShrinkReport> reports = originals.run(
                take.verdict().domain(),
                take.requests(schedule, estimateOnly),
                schedule.originals(),
                new StatusProgress(schedule.name() + ": " + take.name(), workshop.clock(), workshop.status()),
                link);
        List<ShrinkReport> meant = new ArrayList<>();
        for (int i = 0; i < requests.size(); i++) {
            if (take.means(requests.get(i))) {
                meant.add(reports.get(i));
            }
        }
        return meant;
    }

    private static Map<Path, ImageStamp> stamps(Choice.Take take) {
        Map<Path, ImageStamp> stamps = new HashMap<>();
        take.meant().forEach(disk -> {
            Path image = disk.request().image();
            DiskRecord.stamp(image).ifPresent(stamp -> stamps.put(image, stamp));
        });
        return stamps;
    }

    private DiskRun entry(
            Choice.Take take, Map<Path, ImageStamp> stamps, ShrinkReport report, Optional<String> reason) {
        return DiskRecord.of(
                now(),
                schedule.name(),
                take.verdict().domain(),
                Optional.ofNullable(stamps.get(report.image())),
                report,
                reason);
    }

    private void finished(DiskRun run) {
        remember(run);
        if (run.outcome() == Outcome.SHRUNK) {
            LOG.info(
                    "{} {}: shrunk from {} to {}, {} given back",
                    run.domain(),
                    run.target(),
                    mebibytes(run.before().allocatedBytes()),
                    mebibytes(run.after().allocatedBytes()),
                    mebibytes(run.reclaimedBytes()));
        } else if (run.outcome() == Outcome.FAILED) {
            LOG.error("{} {}: failed: {}", run.domain(), run.target(), run.reason());
        } else {
            LOG.info("{} {}: {}: {}", run.domain(), run.target(), run.outcome().contractName(), run.reason());
        }
        run.notes().forEach(note -> LOG.info("{} {}: {}", run.domain(), run.target(), note));
    }

    private static String mebibytes(long bytes) {
        return String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0);
    }

    /** A pool that still shows the old figures is a blemish, not a failure of the run. */
    private void refreshPool(Path image) throws WorkOverException {
        try {
            link.ask(domains -> {
                domains.changed(image);
                return image;
            });
        } catch (LibvirtUnavailableException e) {
            LOG.warn("the storage pool of {} still shows its old size: {}", image, e.getMessage());
        }
    }

    /** What was done is done, whether or not it can be written down. */
    private void remember(HistoryEntry entry) {
        try {
            workshop.history().append(entry);
        } catch (IOException e) {
            LOG.error("the history cannot be written: {}", e.toString());
        }
    }

    private void requireTime() throws WorkOverException {
        Optional<String> over = whyNotGoOn();
        if (over.isPresent()) {
            throw new WorkOverException(over.get());
        }
    }

    private Optional<String> whyNotGoOn() {
        return workshop.current().whyNotGoOn(now());
    }

    private void say(String what) {
        workshop.status().accept(schedule.name() + ": " + what);
    }

    private Instant now() {
        return workshop.clock().instant();
    }
}
