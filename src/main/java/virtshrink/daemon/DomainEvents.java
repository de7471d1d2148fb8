package virtshrink.daemon;

import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.libvirt.DomainChange;
import virtshrink.libvirt.DomainWatch;
import virtshrink.libvirt.LibvirtUnavailableException;

/**
 * Hears what becomes of the domains for as long as the daemon lives: whenever libvirt's connection breaks, a new one is made, less and less often
 * tried while libvirt is absent. What happens meanwhile is not heard; everything that must not be missed is asked for besides.
 */
final class DomainEvents {
    private static final Logger LOG = LoggerFactory.getLogger(DomainEvents.class);

    /** How late a stop of the daemon or another URI may be noticed. */
    private static final long LOOK_MILLIS = 500;

    /** A libvirtd that is restarted needs a moment. */
    private static final Duration PAUSE_AFTER_LOSS = Duration.ofSeconds(1);

    private final CurrentWork current;
    private final Source source;
    private final Supplier<String> uri;
    private final Runnable connected;
    private final Consumer<DomainChange> reaction;

    /** Tells events. */
    interface Source {
        /** As {@link DomainWatch#open} does. */
        DomainWatch open(String uri, DomainWatch.Listener listener) throws LibvirtUnavailableException;
    }

    /**
     * Events that nobody listens to yet.
     *
     * @param uri of the hypervisor as it is configured now
     * @param connected called after each new connection
     * @param reaction called for each event on one thread; must be quick
     */
    DomainEvents(
            CurrentWork current,
            Source source,
            Supplier<String> uri,
            Runnable connected,
            Consumer<DomainChange> reaction) {
        this.current = current;
        this.source = source;
        this.uri = uri;
        this.connected = connected;
        this.reaction = reaction;
    }

    /** Listens on a thread of its own until the daemon stops. */
    void start() {
        Thread thread = new Thread(this::listen, "domain-events");
        thread.setDaemon(true);
        thread.start();
    }

    @SuppressWarnings("try") // The watch speaks through its inbox; it is only to be ended.
    private void listen() {
        Backoff backoff = new Backoff();
        while (!current.isStopped()) {
            String place = uri.get();
            Inbox inbox = new Inbox();
            try (DomainWatch watch = source.open(place, inbox)) {
                LOG.info("hears from libvirt at {} what becomes of its domains", place);
                connected.run();
                follow(place, inbox);
                backoff = new Backoff();
                current.pause(PAUSE_AFTER_LOSS);
            } catch (LibvirtUnavailableException e) {
                if (!backoff.begun()) {
                    LOG.warn("does not hear what becomes of the domains until libvirt answers: {}", e.getMessage());
                }
                current.pause(backoff.next());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            } catch (RuntimeException bug) {
                LOG.error("internal error in what an event of libvirt led to", bug);
                current.pause(backoff.next());
            }
        }
    }

    /** Returns when nothing more is to be heard. */
    private void follow(String place, Inbox inbox) throws InterruptedException {
        while (!current.isStopped() && uri.get().equals(place)) {
            DomainChange change = inbox.changes.poll(LOOK_MILLIS, TimeUnit.MILLISECONDS);
            if (change != null) {
                LOG.debug("{}: {}", change.name(), change.kind());
                reaction.accept(change);
            } else if (inbox.lost) {
                LOG.warn("the connection to libvirt at {} is broken, making a new one", place);
                return;
            }
        }
    }

    /** libvirt's event loop must not wait for anything that an event leads to. */
    private static final class Inbox implements DomainWatch.Listener {
        private final BlockingQueue<DomainChange> changes = new LinkedBlockingQueue<>();
        private volatile boolean lost;

        @Override
        public void changed(DomainChange change) {
            changes.add(change);
        }

        @Override
        public void lost() {
            lost = true;
        }
    }
}
