package virtshrink.cli;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import virtshrink.libvirt.DiskVerdict;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;

/** Runs the disks of one domain together, after libvirt's and our own rules have been asked. */
final class DomainRun {
    private final Session session;
    private final Domains domains;
    private final RunOptions options;

    DomainRun(Session session, Domains domains, RunOptions options) {
        this.session = session;
        this.domains = domains;
        this.options = options;
    }

    /** The domain of that name, which may be unknown. */
    DomainResult run(String name, ProgressDisplay progress) throws LibvirtUnavailableException, WrongUsageException {
        Optional<DomainVerdict> verdict = domains.named(name);
        return verdict.isPresent()
                ? run(verdict.get(), progress)
                : DomainResult.ended(name, Outcome.FAILED, "there is no domain of this name");
    }

    DomainResult run(DomainVerdict verdict, ProgressDisplay progress) throws WrongUsageException {
        String name = verdict.domain().name();
        progress.subject(name);
        List<ShrinkRequest> requests = new ArrayList<>();
        for (ShrinkRequest request : verdict.requests()) {
            requests.add(options.applyTo(request));
        }
        List<ShrinkReport> reports = requests.isEmpty()
                ? List.of()
                : session.collaborators()
                        .shrinkTogether(requests, progress, session.stop().newCancellation());
        List<String> notes = new ArrayList<>(verdict.notes());
        List<DomainResult.Disk> disks = new ArrayList<>();
        Iterator<ShrinkReport> next = reports.iterator();
        for (DiskVerdict disk : verdict.disks()) {
            if (disk instanceof DiskVerdict.Eligible eligible) {
                notes.addAll(eligible.notes());
                ShrinkReport report = next.next();
                disks.add(new DomainResult.Run(report, eligible.request().format()));
                if (report.outcome() == Outcome.SHRUNK && !options.dryRun()) {
                    refreshPool(report, notes);
                }
            } else if (disk instanceof DiskVerdict.Refused refused) {
                disks.add(new DomainResult.LeftAlone(refused.disk(), refused.reason()));
            }
        }
        Optional<DomainResult.Ended> ended =
                verdict.refusal().map(reason -> new DomainResult.Ended(Outcome.REFUSED, reason));
        return new DomainResult(name, ended, disks, notes);
    }

    /** A pool that still shows the old figures is a blemish, not a failure of the run. */
    private void refreshPool(ShrinkReport report, List<String> notes) {
        try {
            domains.changed(report.image());
        } catch (LibvirtUnavailableException e) {
            notes.add("the storage pool still shows the old size: " + FailureText.of(e));
        }
    }
}
