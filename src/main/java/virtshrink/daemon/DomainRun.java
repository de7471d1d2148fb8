package virtshrink.daemon;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.ImageStamp;
import virtshrink.job.DiskRecord;
import virtshrink.os.StorageDevice;
import virtshrink.policy.Choice;
import virtshrink.policy.ImageStamps;
import virtshrink.schedule.Schedule;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;

/** The pipeline's runs on the disks of one domain, and what is remembered of them. Used once, by one thread. */
final class DomainRun {
    private static final Logger LOG = LoggerFactory.getLogger(DomainRun.class);

    private final Workshop workshop;
    private final Schedule schedule;
    private final Choice.Take take;
    private final StatusBoard board;
    private final Map<Path, ImageStamp> stamps = new HashMap<>();

    DomainRun(Workshop workshop, Schedule schedule, Choice.Take take, StatusBoard board) {
        this.workshop = workshop;
        this.schedule = schedule;
        this.take = take;
        this.board = board;
    }

    /**
     * A domain that is worth a run.
     *
     * @param devices on which its disks lie
     */
    record Worthwhile(UUID uuid, String name, Set<StorageDevice> devices, long gainBytes) {
        Worthwhile {
            devices = Set.copyOf(devices);
        }
    }

    /** Where the disks lie that a run has to look at; what cannot be looked at lies nowhere, as its run will tell. */
    static Set<StorageDevice> devices(Choice.Take take) {
        return devices(take.verdict().requests());
    }

    static Set<StorageDevice> devices(List<ShrinkRequest> requests) {
        Set<StorageDevice> devices = new HashSet<>();
        for (ShrinkRequest request : requests) {
            try {
                devices.add(StorageDevice.of(request.image()));
            } catch (IOException notThere) {
                LOG.debug("no device is known for {}", request.image(), notThere);
            }
        }
        return devices;
    }

    /** Looks at the disks; where a run is not worth it, that is remembered as the result. */
    Optional<Worthwhile> estimate() {
        long gain = 0;
        List<DiskRun> ended = new ArrayList<>();
        for (ShrinkReport report : run(true, workshop.runner())) {
            // What a plain run, not a dry one, would say.
            Optional<String> notWorth = report.outcome() == Outcome.NOTHING_TO_GAIN
                    ? take.terms()
                            .whyNotWorth(
                                    report.reclaimableBytes(), report.before().allocatedBytes())
                    : Optional.empty();
            if (report.outcome() == Outcome.NOTHING_TO_GAIN && notWorth.isEmpty()) {
                gain = Math.addExact(gain, report.reclaimableBytes());
            }
            if (report.mayGainByMounting()) {
                // How much is not known before; the run itself asks whether it is enough. Its turn comes last.
                gain = Math.addExact(gain, 1);
            }
            ended.add(entry(report, notWorth));
        }
        if (gain > 0) {
            return Optional.of(new Worthwhile(take.verdict().domain().uuid(), take.name(), devices(take), gain));
        }
        ended.forEach(new RunLog(workshop.history())::add);
        return Optional.empty();
    }

    /**
     * Shrinks the disks.
     *
     * @param link for what is to be asked and changed when the pipeline has ended
     * @return the images that have been replaced
     */
    List<Path> shrink(DomainLink link) {
        List<Path> replaced = new ArrayList<>();
        RunLog log = new RunLog(workshop.history());
        Workshop.DiskRunner runner = new OriginalsCare(workshop)
                .runner(take.verdict().domain(), take.terms().originals(), link);
        for (ShrinkReport report : run(false, runner)) {
            log.add(entry(report, Optional.empty()));
            if (report.outcome() == Outcome.SHRUNK) {
                replaced.add(report.image());
            }
        }
        return replaced;
    }

    /** The reports on the disks that are meant. */
    private List<ShrinkReport> run(boolean estimateOnly, Workshop.DiskRunner runner) {
        rememberStamps();
        List<ShrinkRequest> requests = take.verdict().requests();
        List<ShrinkReport> reports;
        try (CurrentWork.Task task = workshop.current().newTask(take.name())) {
            reports = runner.run(
                    take.requests(schedule, estimateOnly),
                    new StatusProgress(take.name(), workshop.clock(), line -> board.say(take.name(), line)),
                    task.cancellation());
        } finally {
            board.done(take.name());
        }
        List<ShrinkReport> meant = new ArrayList<>();
        for (int i = 0; i < requests.size(); i++) {
            if (take.means(requests.get(i))) {
                meant.add(reports.get(i));
            }
        }
        return meant;
    }

    private void rememberStamps() {
        take.meant().forEach(disk -> {
            Path image = disk.request().image();
            ImageStamps.of(image).ifPresent(stamp -> stamps.put(image, stamp));
        });
    }

    private DiskRun entry(ShrinkReport report, Optional<String> reason) {
        Instant now = workshop.clock().instant();
        return DiskRecord.of(
                now,
                schedule.name(),
                take.verdict().domain(),
                Optional.ofNullable(stamps.get(report.image())),
                report,
                reason);
    }
}
