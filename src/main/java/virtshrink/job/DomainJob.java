package virtshrink.job;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryEntry.ImageStamp;
import virtshrink.image.RunDirectory;
import virtshrink.libvirt.DiskVerdict;
import virtshrink.libvirt.DomainRecord;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.libvirt.StatedPolicy;
import virtshrink.originals.Keeping;
import virtshrink.policy.ImageStamps;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.KeepOriginal;
import virtshrink.shrink.OriginalsPolicy;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;

/** Runs the disks of one domain together, after libvirt's and our own rules have been asked, and writes down what became of them. */
public final class DomainJob {
    private final Surroundings surroundings;
    private final RunSettings settings;

    /** Nothing happens yet. */
    public DomainJob(Surroundings surroundings, RunSettings settings) {
        this.surroundings = surroundings;
        this.settings = settings;
    }

    /** What to answer where libvirt knows no such domain. */
    public static DomainResult unknown(String name) {
        return DomainResult.ended(name, Outcome.FAILED, "there is no domain of this name");
    }

    /** Does it, in the calling thread. */
    public DomainResult run(DomainVerdict verdict, ProgressListener progress, Cancellation cancellation) {
        List<ShrinkRequest> requests =
                verdict.requests().stream().map(settings::applyTo).toList();
        Map<Path, ImageStamp> stamps = stamps(requests);
        List<ShrinkReport> reports =
                requests.isEmpty() ? List.of() : shrink(verdict.domain(), requests, progress, cancellation);
        List<String> notes = new ArrayList<>(verdict.notes());
        List<DomainResult.Disk> disks = new ArrayList<>();
        Iterator<ShrinkReport> next = reports.iterator();
        for (DiskVerdict disk : verdict.disks()) {
            if (disk instanceof DiskVerdict.Eligible eligible) {
                notes.addAll(eligible.notes());
                ShrinkReport report = next.next();
                disks.add(new DomainResult.Run(report, eligible.request().format()));
                if (!settings.dryRun()) {
                    remember(verdict, report, stamps).ifPresent(notes::add);
                    refreshPool(report).ifPresent(notes::add);
                }
            } else if (disk instanceof DiskVerdict.Refused refused) {
                disks.add(DomainResult.LeftAlone.of(refused));
            }
        }
        Optional<DomainResult.Ended> ended =
                verdict.refusal().map(reason -> new DomainResult.Ended(Outcome.REFUSED, reason));
        return new DomainResult(verdict.domain().name(), ended, disks, notes);
    }

    /** Who names a domain decides when, not that its originals go which its own policy keeps. */
    private List<ShrinkReport> shrink(
            DomainRecord domain, List<ShrinkRequest> requests, ProgressListener progress, Cancellation cancellation) {
        KeepOriginal keep = keepOriginal(domain);
        if (keep instanceof KeepOriginal.No
                || settings.dryRun()
                || settings.keepOriginal().isPresent()) {
            return surroundings.shrinkTogether(requests, progress, cancellation);
        }
        try {
            RunDirectory runs = RunDirectory.standard();
            Keeping keeping = Keeping.begin(
                    surroundings.originals(),
                    domain,
                    requests,
                    OriginalsPolicy.STANDARD.keepingOriginals(keep),
                    Clock.fixed(surroundings.now(), ZoneOffset.UTC));
            List<ShrinkReport> reports = surroundings.shrinkTogether(keeping.requests(), progress, cancellation);
            return keeping.finish(reports, runs, cancellation, () -> {
                throw new LibvirtUnavailableException("nothing is redefined on demand");
            });
        } catch (IOException problem) {
            return requests.stream()
                    .map(request -> ShrinkReport.failed(
                            request,
                            "its original could not be kept, as the domain's own policy asks: " + problem.getMessage()))
                    .toList();
        }
    }

    private static KeepOriginal keepOriginal(DomainRecord domain) {
        return domain.policy() instanceof StatedPolicy.Clear clear
                ? clear.policy().keepOriginal().orElse(new KeepOriginal.No())
                : new KeepOriginal.No();
    }

    private static Map<Path, ImageStamp> stamps(List<ShrinkRequest> requests) {
        Map<Path, ImageStamp> stamps = new HashMap<>();
        requests.forEach(
                request -> ImageStamps.of(request.image()).ifPresent(stamp -> stamps.put(request.image(), stamp)));
        return stamps;
    }

    private Optional<String> remember(DomainVerdict verdict, ShrinkReport report, Map<Path, ImageStamp> stamps) {
        return surroundings.remember(DiskRecord.of(
                surroundings.now(),
                HistoryEntry.ON_DEMAND,
                verdict.domain(),
                Optional.ofNullable(stamps.get(report.image())),
                report,
                Optional.empty()));
    }

    /** A pool that still shows the old figures is a blemish, not a failure of the run. */
    private Optional<String> refreshPool(ShrinkReport report) {
        if (report.outcome() != Outcome.SHRUNK) {
            return Optional.empty();
        }
        try {
            surroundings.changed(report.image());
            return Optional.empty();
        } catch (LibvirtUnavailableException e) {
            return Optional.of("the storage pool still shows the old size: " + e.getMessage());
        }
    }
}
