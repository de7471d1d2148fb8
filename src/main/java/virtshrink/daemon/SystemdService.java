package virtshrink.daemon;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.os.OsException;
import virtshrink.os.SystemdNotifier;

/** What systemd is told about a service of {@code Type=notify}; see {@code sd_notify(3)}. Thread-safe. */
final class SystemdService {
    private static final Logger LOG = LoggerFactory.getLogger(SystemdService.class);

    private final Sender sender;
    private final Optional<Duration> watchdogInterval;

    /** Passes a message on. */
    interface Sender {
        void send(String message) throws OsException;
    }

    SystemdService(Sender sender, Optional<Duration> watchdogInterval) {
        this.sender = sender;
        this.watchdogInterval = watchdogInterval;
    }

    static SystemdService ofProcess() {
        return new SystemdService(
                SystemdNotifier::send,
                watchdogInterval(System.getenv(), ProcessHandle.current().pid()));
    }

    /** Half of the time after which systemd gives up on us; empty if it does not watch this process. */
    static Optional<Duration> watchdogInterval(Map<String, String> environment, long pid) {
        String micros = environment.getOrDefault("WATCHDOG_USEC", "");
        String watched = environment.getOrDefault("WATCHDOG_PID", Long.toString(pid));
        return micros.matches("[1-9]\\d{0,17}") && watched.equals(Long.toString(pid))
                ? Optional.of(Duration.ofNanos(Long.parseLong(micros) / 2 * 1000))
                : Optional.empty();
    }

    /** How often {@link #alive} wants to be called. */
    Optional<Duration> watchdogInterval() {
        return watchdogInterval;
    }

    void ready() {
        send("READY=1");
    }

    void alive() {
        send("WATCHDOG=1");
    }

    /** To be followed by {@link #ready}. */
    void reloading() {
        // On Linux, nanoTime is CLOCK_MONOTONIC, which Type=notify-reload asks for.
        send("RELOADING=1\nMONOTONIC_USEC=" + System.nanoTime() / 1000);
    }

    void stopping() {
        send("STOPPING=1\nSTATUS=stopping");
    }

    /** One line on what is being done. */
    void status(String line) {
        send("STATUS=" + line.replace('\n', ' '));
    }

    /** A systemd that does not hear us is no reason to do anything else differently. */
    private void send(String message) {
        try {
            sender.send(message);
        } catch (OsException e) {
            LOG.debug("systemd was not told {}", message, e);
        }
    }
}
