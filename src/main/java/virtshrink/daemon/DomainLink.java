package virtshrink.daemon;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.libvirt.LibvirtUnavailableException;

/**
 * A connection to libvirt that is made when it is needed and made again when libvirt was restarted. While libvirt is absent it tries again and
 * again, less and less often, until there is no point any more. Not thread-safe.
 */
final class DomainLink implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DomainLink.class);

    private final Workshop workshop;
    private final String uri;
    private final Duration patience;
    private final Supplier<Optional<String>> whyNotGoOn;
    private Optional<Domains> connected = Optional.empty();

    /**
     * A link that is not connected yet.
     *
     * @param patience how long to try before giving up
     * @param whyNotGoOn why there is no point in trying any more; empty as long as there is
     */
    DomainLink(Workshop workshop, String uri, Duration patience, Supplier<Optional<String>> whyNotGoOn) {
        this.workshop = workshop;
        this.uri = uri;
        this.patience = patience;
        this.whyNotGoOn = whyNotGoOn;
    }

    /** A question to libvirt. */
    interface Question<T> {
        T ask(Domains domains) throws LibvirtUnavailableException;
    }

    /**
     * The answer to a question; asked once more over a new connection if it fails.
     *
     * @throws WorkOverException if the daemon stops or the window ends while libvirt is waited for
     * @throws LibvirtUnavailableException if libvirt does not come back, or fails at this very question
     */
    <T> T ask(Question<T> question) throws LibvirtUnavailableException, WorkOverException {
        boolean fresh = connected.isEmpty();
        Domains domains = connect();
        try {
            return question.ask(domains);
        } catch (LibvirtUnavailableException e) {
            close();
            if (fresh) {
                throw e;
            }
            LOG.warn("libvirt has failed, trying once more over a new connection: {}", e.getMessage());
            return ask(question);
        }
    }

    private Domains connect() throws LibvirtUnavailableException, WorkOverException {
        if (connected.isPresent()) {
            return connected.get();
        }
        Instant giveUp = workshop.clock().instant().plus(patience);
        Backoff backoff = new Backoff();
        while (true) {
            Optional<String> over = whyNotGoOn.get();
            if (over.isPresent()) {
                throw new WorkOverException(over.get());
            }
            try {
                Domains domains = workshop.source().open(uri);
                if (backoff.begun()) {
                    LOG.info("libvirt at {} answers", uri);
                }
                connected = Optional.of(domains);
                return domains;
            } catch (LibvirtUnavailableException e) {
                boolean first = !backoff.begun();
                Duration wait = backoff.next();
                if (workshop.clock().instant().plus(wait).isAfter(giveUp)) {
                    throw e;
                }
                if (first) {
                    LOG.warn("{}; trying again until it answers", e.getMessage());
                }
                workshop.status().accept("waiting for libvirt at " + uri);
                workshop.current().pause(wait);
            }
        }
    }

    @Override
    public void close() {
        Optional<Domains> ended = connected;
        connected = Optional.empty();
        if (ended.isPresent()) {
            try {
                ended.get().close();
            } catch (LibvirtUnavailableException e) {
                LOG.debug("a connection to libvirt was closed that was none any more", e);
            }
        }
    }
}
