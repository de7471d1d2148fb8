package virtshrink.daemon;

import java.time.Clock;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.libvirt.DomainChange;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.schedule.Schedule;
import virtshrink.shrink.Cause;

/**
 * What the daemon does when something becomes of a domain: work on it is cancelled at once, and a domain that has shut down may get its turn. The
 * hook gives way to a guest before it starts; this is for hosts without it, and for everything that no hook is called for.
 */
final class DomainReactions {
    private static final Logger LOG = LoggerFactory.getLogger(DomainReactions.class);

    private final CurrentWork current;
    private final AfterStop afterStop;
    private final Supplier<List<Schedule>> schedules;
    private final Clock clock;

    DomainReactions(CurrentWork current, AfterStop afterStop, Supplier<List<Schedule>> schedules, Clock clock) {
        this.current = current;
        this.afterStop = afterStop;
        this.schedules = schedules;
        this.clock = clock;
    }

    /** Libvirt tells it. */
    void changed(DomainChange change) {
        whyNotGoOn(change).ifPresent(why -> cancel(change.name(), why));
        afterStop.changed(change, schedules.get(), clock.instant());
    }

    /**
     * Asks whether the domains that are being worked on are still idle. Libvirt tells nothing of a snapshot of a domain that is shut off, nor what
     * happened while it could not be reached.
     */
    void check(DomainLink link) throws WorkOverException {
        for (CurrentWork.Task task : current.tasks()) {
            String domain = task.domain();
            try {
                link.ask(domains -> domains.whyNotIdle(domain)).ifPresent(why -> cancel(domain, why));
            } catch (LibvirtUnavailableException e) {
                // Asked again soon, and by the run itself before it replaces the image.
                LOG.debug("whether {} is idle cannot be asked now", domain, e);
            }
        }
    }

    private void cancel(String domain, String why) {
        if (current.cancel(domain, Cause.DOMAIN_CHANGED, why)) {
            LOG.info("{}: its work is cancelled: {}", domain, why);
        }
    }

    /** A stop comes before the work begins, whenever it is told; a definition may be changed in what concerns no disk. */
    private static Optional<String> whyNotGoOn(DomainChange change) {
        return switch (change.kind()) {
            case RUNS -> Optional.of("the domain " + change.name() + " was started");
            case FAILED_TO_START -> Optional.of("the domain " + change.name() + " wanted to start");
            case UNDEFINED -> Optional.of("the domain " + change.name() + " is no longer defined under this name");
            case DEFINED, SHUT_DOWN, STOPPED_OTHERWISE -> Optional.empty();
        };
    }
}
