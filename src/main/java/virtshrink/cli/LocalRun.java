package virtshrink.cli;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.job.DomainJob;
import virtshrink.job.DomainResult;
import virtshrink.job.RunSettings;
import virtshrink.job.Surroundings;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.originals.Originals;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;

/** Runs over domains in this process. */
final class LocalRun implements Surroundings {
    private final Session session;
    private final Domains domains;
    private final DomainJob run;

    LocalRun(Session session, Domains domains, RunSettings settings) {
        this.session = session;
        this.domains = domains;
        this.run = new DomainJob(this, settings);
    }

    /** The domain of that name, which may be unknown. */
    DomainResult run(String name, ProgressDisplay progress) throws LibvirtUnavailableException {
        Optional<DomainVerdict> verdict = domains.named(name);
        return verdict.isPresent() ? run(verdict.get(), progress) : DomainJob.unknown(name);
    }

    DomainResult run(DomainVerdict verdict, ProgressDisplay progress) {
        progress.subject(verdict.domain().name());
        return run.run(verdict, progress, session.stop().newCancellation());
    }

    @Override
    public List<ShrinkReport> shrinkTogether(
            List<ShrinkRequest> disks, ProgressListener progress, Cancellation cancellation) {
        return session.collaborators().shrinkTogether(disks, progress, cancellation);
    }

    @Override
    public Originals originals() {
        return new Originals(HostHistory.directory());
    }

    @Override
    public void changed(Path image) throws LibvirtUnavailableException {
        domains.changed(image);
    }

    @Override
    public Optional<String> remember(DiskRun entry) {
        return session.collaborators().remember(entry);
    }

    @Override
    public Instant now() {
        return Instant.now();
    }
}
