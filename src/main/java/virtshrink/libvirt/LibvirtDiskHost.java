package virtshrink.libvirt;

import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import virtshrink.image.ImagePlace;
import virtshrink.shrink.ShrinkRequest.IdleGuard;

/** The domains of a connection. Thread-safe. */
public final class LibvirtDiskHost implements DiskHost {
    private final Hypervisor hypervisor;
    private final DomainLog log;
    private final IdleRule idleRule;

    /** @param domainLogDirectory usually {@link Hypervisor#domainLogDirectory()} */
    public LibvirtDiskHost(Hypervisor hypervisor, Path domainLogDirectory) {
        this.hypervisor = hypervisor;
        this.log = new DomainLog(domainLogDirectory);
        this.idleRule = new IdleRule(log);
    }

    @Override
    public Optional<DomainRecord> domain(String nameOrUuid) throws LibvirtUnavailableException {
        return hypervisor.domain(nameOrUuid);
    }

    @Override
    public Optional<String> whyNotIdle(DomainRecord domain) {
        return idleRule.whyNotIdle(domain);
    }

    @Override
    public IdleGuard guard(DomainRecord judged, DomainDisk disk) {
        return new DomainIdleGuard(hypervisor::domain, idleRule, judged, disk);
    }

    @Override
    public Optional<String> userOf(Path file) throws LibvirtUnavailableException {
        return ImageCensus.of(hypervisor.survey()).anyUse(file).map(ImageCensus.Use::user);
    }

    @Override
    public Optional<String> otherUserOf(Path file, DomainRecord domain, DomainDisk disk)
            throws LibvirtUnavailableException {
        return ImageCensus.of(hypervisor.survey())
                .conflicting(file, domain, disk)
                .map(ImageCensus.Use::user);
    }

    @Override
    public boolean hasStoppedCleanly(DomainRecord domain, Instant since, boolean written) {
        if (log.showsCleanRunSince(domain.name(), since)) {
            return true;
        }
        // Without a log: what was written since, a guest has written that ran since; libvirt knows how its last run
        // ended.
        return written
                && domain.state() == DomainState.SHUT_OFF
                && !domain.managedSave()
                && domain.shutoffReason().equals(Optional.of(ShutoffReason.SHUTDOWN));
    }

    @Override
    public void move(UUID domain, String target, ImagePlace from, ImagePlace to)
            throws LibvirtUnavailableException, RedefinitionRefusedException {
        hypervisor.moveDisk(domain, target, from, to);
    }

    @Override
    public void changed(Path file) throws LibvirtUnavailableException {
        hypervisor.refreshPoolsHolding(file);
    }
}
