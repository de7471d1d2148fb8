package virtshrink.daemon;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.config.Configuration;
import virtshrink.policy.Schedules;
import virtshrink.schedule.Schedule;

/** Looks at the domains that have been shut down for as long as their schedule wants. */
final class AfterStopWork {
    private static final Logger LOG = LoggerFactory.getLogger(AfterStopWork.class);

    /** How late a turn may be noticed. */
    private static final Duration TICK = Duration.ofSeconds(1);

    private final Workshop workshop;
    private final AfterStop waiting;
    private final Supplier<Configuration> configuration;
    private final Consumer<Runnable> oneAtATime;

    /**
     * Work that does not begin yet.
     *
     * @param oneAtATime runs it when no other work is going on, and not at all if the daemon stops
     */
    AfterStopWork(
            Workshop workshop,
            AfterStop waiting,
            Supplier<Configuration> configuration,
            Consumer<Runnable> oneAtATime) {
        this.workshop = workshop;
        this.waiting = waiting;
        this.configuration = configuration;
        this.oneAtATime = oneAtATime;
    }

    /** On a thread of its own until the daemon stops. */
    void start() {
        Thread thread = new Thread(this::watch, "after-stop");
        thread.setDaemon(true);
        thread.start();
    }

    private void watch() {
        while (!workshop.current().isStopped()) {
            workshop.current().pause(TICK);
            tick();
        }
    }

    /** Does what is due. */
    void tick() {
        try {
            while (waiting.isAnyDue(now()) && !workshop.current().isStopped()) {
                // Whose turn it is shows when the work before has ended: a domain may have been started again
                // meanwhile.
                oneAtATime.accept(() -> waiting.takeDue(now()).ifPresent(this::lookAt));
            }
        } catch (RuntimeException bug) {
            LOG.error("internal error in the work after a shutdown", bug);
        }
    }

    private void lookAt(AfterStop.Due due) {
        Optional<Schedule> schedule = Schedules.of(configuration.get()).stream()
                .filter(known -> known.name().equals(due.schedule()))
                .findFirst();
        Optional<Instant> night = schedule.flatMap(known -> known.openNight(now()));
        if (night.isPresent()) {
            LOG.debug("{}: {} has been shut down for a while", due.schedule(), due.name());
            Night.of(workshop, configuration.get().connect(), schedule.get(), night.get(), due.domain())
                    .run();
        } else {
            LOG.debug("{}: {} waits for the next night: this is no time for it", due.schedule(), due.name());
        }
    }

    private Instant now() {
        return workshop.clock().instant();
    }
}
