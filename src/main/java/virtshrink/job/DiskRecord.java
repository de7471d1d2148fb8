package virtshrink.job;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.Filesystem;
import virtshrink.history.HistoryEntry.ImageStamp;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;
import virtshrink.libvirt.DomainRecord;
import virtshrink.policy.ImageStamps;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.Phase;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkReport.FilesystemGain;

/** Makes entries of the history out of reports. */
public final class DiskRecord {
    private DiskRecord() {}

    /**
     * The entry for one report.
     *
     * @param stampBefore the image before the run looked at it
     * @param reason what to say instead of the report's own reason, if anything
     */
    public static DiskRun of(
            Instant now,
            String schedule,
            DomainRecord domain,
            Optional<ImageStamp> stampBefore,
            ShrinkReport report,
            Optional<String> reason) {
        return of(now, schedule, domain.name(), domain.uuid(), stampBefore, report, reason);
    }

    /**
     * The entry for a run on an image by itself.
     *
     * @param stampBefore the image before the run looked at it
     */
    public static DiskRun ofImage(Instant now, Optional<ImageStamp> stampBefore, ShrinkReport report) {
        return of(now, HistoryEntry.ON_DEMAND, "", HistoryEntry.NO_DOMAIN, stampBefore, report, Optional.empty());
    }

    private static DiskRun of(
            Instant now,
            String schedule,
            String domain,
            UUID uuid,
            Optional<ImageStamp> stampBefore,
            ShrinkReport report,
            Optional<String> reason) {
        boolean rebuilt = report.phases().containsKey(Phase.REBUILD);
        boolean gainStays = report.outcome() == Outcome.NOTHING_TO_GAIN && !rebuilt;
        return new DiskRun(
                now,
                schedule,
                domain,
                uuid,
                report.target().orElse(""),
                report.image(),
                report.cause(),
                reason.orElse(report.reason()),
                report.before(),
                report.after(),
                report.reclaimableBytes(),
                gainStays ? report.reclaimableBytes() : 0,
                seen(report, stampBefore),
                report.phases(),
                report.inspection()
                        .map(inspection -> filesystems(inspection, report.gains()))
                        .orElse(List.of()),
                report.notes());
    }

    /**
     * The state of the image that the report speaks of, where the same state means the same result. A guest that wrote while the run was looking
     * has changed the stamp from before; one that starts right after the swap goes on to write.
     */
    private static Optional<ImageStamp> seen(ShrinkReport report, Optional<ImageStamp> stampBefore) {
        return switch (report.outcome()) {
            case SHRUNK -> ImageStamps.of(report.image());
            case NOTHING_TO_GAIN -> stampBefore;
            case REFUSED ->
                report.inspection().flatMap(DiskInspection::refusal).isPresent() ? stampBefore : Optional.empty();
            case YIELDED, FAILED -> Optional.empty();
        };
    }

    private static List<Filesystem> filesystems(DiskInspection inspection, List<FilesystemGain> gains) {
        return inspection.filesystems().stream()
                .map(found -> new Filesystem(
                        found.device(),
                        found.identity().type(),
                        found.state().contractName(),
                        found.state().reasonText(),
                        gainOf(found, gains)))
                .toList();
    }

    private static long gainOf(FilesystemFinding found, List<FilesystemGain> gains) {
        return gains.stream()
                .filter(gain -> gain.device().equals(found.device()))
                .mapToLong(FilesystemGain::reclaimableBytes)
                .sum();
    }
}
