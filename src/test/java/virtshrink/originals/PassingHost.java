package virtshrink.originals;

import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import virtshrink.image.ImagePlace;
import virtshrink.libvirt.DiskHost;
import virtshrink.libvirt.DomainDisk;
import virtshrink.libvirt.DomainRecord;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.libvirt.RedefinitionRefusedException;
import virtshrink.shrink.ShrinkRequest.IdleGuard;

/** Asks the real one, and lets something happen before and after. */
class PassingHost implements DiskHost {
    private final DiskHost real;

    PassingHost(DiskHost real) {
        this.real = real;
    }

    /** Before libvirt is told of the new definition. */
    void beforeMove() throws LibvirtUnavailableException {}

    /** When it has been. */
    void afterMove() throws LibvirtUnavailableException {}

    /** When the domain has been found idle. */
    void afterGuard() {}

    @Override
    public Optional<DomainRecord> domain(String nameOrUuid) throws LibvirtUnavailableException {
        return real.domain(nameOrUuid);
    }

    @Override
    public Optional<String> whyNotIdle(DomainRecord domain) {
        return real.whyNotIdle(domain);
    }

    @Override
    public IdleGuard guard(DomainRecord judged, DomainDisk disk) {
        IdleGuard guard = real.guard(judged, disk);
        return new IdleGuard() {
            @Override
            public Optional<String> whyNotNow() {
                Optional<String> why = guard.whyNotNow();
                afterGuard();
                return why;
            }

            @Override
            public Optional<String> domain() {
                return guard.domain();
            }
        };
    }

    @Override
    public Optional<String> userOf(Path file) throws LibvirtUnavailableException {
        return real.userOf(file);
    }

    @Override
    public Optional<String> otherUserOf(Path file, DomainRecord domain, DomainDisk disk)
            throws LibvirtUnavailableException {
        return real.otherUserOf(file, domain, disk);
    }

    @Override
    public boolean hasStoppedCleanly(DomainRecord domain, Instant since, boolean written) {
        return real.hasStoppedCleanly(domain, since, written);
    }

    @Override
    public void move(UUID domain, String target, ImagePlace from, ImagePlace to)
            throws LibvirtUnavailableException, RedefinitionRefusedException {
        beforeMove();
        real.move(domain, target, from, to);
        afterMove();
    }

    @Override
    public void changed(Path file) throws LibvirtUnavailableException {
        real.changed(file);
    }
}
