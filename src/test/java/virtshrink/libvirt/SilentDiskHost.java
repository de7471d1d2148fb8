package virtshrink.libvirt;

import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import virtshrink.image.ImagePlace;
import virtshrink.shrink.ShrinkRequest.IdleGuard;

/** Knows no domain. */
public class SilentDiskHost implements DiskHost {
    @Override
    public Optional<DomainRecord> domain(String nameOrUuid) {
        return Optional.empty();
    }

    @Override
    public Optional<String> whyNotIdle(DomainRecord domain) {
        return Optional.empty();
    }

    @Override
    public IdleGuard guard(DomainRecord judged, DomainDisk disk) {
        return IdleGuard.NONE;
    }

    @Override
    public Optional<String> userOf(Path file) {
        return Optional.empty();
    }

    @Override
    public Optional<String> otherUserOf(Path file, DomainRecord domain, DomainDisk disk) {
        return Optional.empty();
    }

    @Override
    public boolean hasStoppedCleanly(DomainRecord domain, Instant since, boolean written) {
        return false;
    }

    @Override
    public void move(UUID domain, String target, ImagePlace from, ImagePlace to) {
        throw new UnsupportedOperationException("there is no domain");
    }

    @Override
    public void changed(Path file) {}
}
