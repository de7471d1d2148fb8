package virtshrink.daemon;

import java.time.Duration;
import java.util.Optional;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Asks libvirt again and again, as long as there is work, whether its domains are still at rest. */
final class IdleCheck {
    private static final Logger LOG = LoggerFactory.getLogger(IdleCheck.class);
    private static final Duration INTERVAL = Duration.ofSeconds(2);

    private final Workshop workshop;
    private final Supplier<String> uri;
    private final DomainReactions reactions;

    IdleCheck(Workshop workshop, Supplier<String> uri, DomainReactions reactions) {
        this.workshop = workshop;
        this.uri = uri;
        this.reactions = reactions;
    }

    /** On a thread of its own until the daemon stops. */
    void start() {
        Thread thread = new Thread(this::watch, "idle-check");
        thread.setDaemon(true);
        thread.start();
    }

    private void watch() {
        while (!workshop.current().isStopped()) {
            workshop.current().pause(INTERVAL);
            if (!workshop.current().tasks().isEmpty()) {
                watchWork();
            }
        }
    }

    /** Over one connection, which an idle daemon does not need. */
    private void watchWork() {
        try (DomainLink link = new DomainLink(workshop, uri.get(), Duration.ZERO, this::stopping)) {
            while (!workshop.current().tasks().isEmpty()) {
                reactions.check(link);
                workshop.current().pause(INTERVAL);
            }
        } catch (WorkOverException stopping) {
            LOG.debug("no longer looks whether domains are at rest: {}", stopping.reason());
        } catch (RuntimeException bug) {
            LOG.error("internal error in the check whether domains are at rest", bug);
        }
    }

    private Optional<String> stopping() {
        return workshop.current().isStopped() ? Optional.of(CurrentWork.STOPPING) : Optional.empty();
    }
}
