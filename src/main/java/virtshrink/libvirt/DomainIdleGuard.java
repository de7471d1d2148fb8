package virtshrink.libvirt;

import java.io.IOException;
import java.util.Optional;
import java.util.function.Function;
import virtshrink.shrink.ShrinkRequest.IdleGuard;

/** Asks libvirt anew whether a domain is still as idle as when it was judged, and its disk still the same. Thread-safe. */
final class DomainIdleGuard implements IdleGuard {
    private final DomainQuery query;
    private final IdleRule rule;
    private final DomainRecord judged;
    private final DomainDisk disk;

    DomainIdleGuard(DomainQuery query, IdleRule rule, DomainRecord judged, DomainDisk disk) {
        this.query = query;
        this.rule = rule;
        this.judged = judged;
        this.disk = disk;
    }

    @Override
    public Optional<String> whyNotNow() {
        return objection(now -> rule.whyNotIdle(now).or(() -> changed(now)));
    }

    @Override
    public Optional<String> whyNoReplay() {
        return objection(rule::whyNoReplay);
    }

    private Optional<String> objection(Function<DomainRecord, Optional<String>> to) {
        Optional<DomainRecord> now;
        try {
            now = query.domain(judged.uuid().toString());
        } catch (IOException e) {
            return Optional.of(
                    "it cannot be proven that the domain " + judged.name() + " is still shut off: " + e.getMessage());
        }
        if (now.isEmpty()) {
            return Optional.of("the domain " + judged.name() + " is no longer defined");
        }
        return to.apply(now.get());
    }

    @Override
    public Optional<String> domain() {
        return Optional.of(judged.name());
    }

    private Optional<String> changed(DomainRecord now) {
        if (!now.disk(disk.target()).equals(Optional.of(disk))) {
            return Optional.of("the definition of disk " + disk.target() + " of the domain " + judged.name()
                    + " was changed while it was being shrunk");
        }
        if (now.checkpoints() != judged.checkpoints()) {
            return Optional.of(
                    "the checkpoints of the domain " + judged.name() + " were changed while it was being shrunk");
        }
        return Optional.empty();
    }

    /** A fresh question to libvirt. */
    interface DomainQuery {
        Optional<DomainRecord> domain(String uuid) throws IOException;
    }
}
