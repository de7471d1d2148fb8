package virtshrink.daemon;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import virtshrink.schedule.MaintenanceWindow;
import virtshrink.shrink.Cancellation;

/** What is going on now, and how it is stopped: by the end of its window or of the daemon. Thread-safe. */
final class CurrentWork {
    static final String WINDOW_OVER = "the maintenance window is over";
    static final String STOPPING = "the daemon is stopping";

    private final CountDownLatch stopped = new CountDownLatch(1);
    private Optional<MaintenanceWindow> window = Optional.empty();
    private final List<Runnable> stopActions = new ArrayList<>();
    private Optional<Running> running = Optional.empty();

    private record Running(UUID domain, Cancellation cancellation) {}

    synchronized void begin(MaintenanceWindow nightsWindow) {
        window = Optional.of(nightsWindow);
    }

    synchronized void end() {
        window = Optional.empty();
        running = Optional.empty();
    }

    /** The cancellation for the next run; replaces the one before. Cancelled from the start if the daemon is stopping. */
    synchronized Cancellation newCancellation(UUID domain) {
        Cancellation cancellation = new Cancellation();
        running = Optional.of(new Running(domain, cancellation));
        if (isStopped()) {
            cancellation.cancel(STOPPING);
        }
        return cancellation;
    }

    /** The run has ended. */
    synchronized void ended(Cancellation cancellation) {
        running = running.filter(run -> run.cancellation() != cancellation);
    }

    /** The domains that are being worked on. */
    synchronized Set<UUID> domains() {
        return running.map(Running::domain).map(Set::of).orElse(Set.of());
    }

    /**
     * Cancels the work on a domain.
     *
     * @return false if there is none, or it cannot be cancelled any more
     */
    boolean cancel(UUID domain, String why) {
        Optional<Running> due;
        synchronized (this) {
            due = running.filter(run -> run.domain().equals(domain));
        }
        return due.map(run -> run.cancellation().cancel(why)).orElse(false);
    }

    /** Why nothing new may be started; empty if it may. */
    synchronized Optional<String> whyNotGoOn(Instant now) {
        if (isStopped()) {
            return Optional.of(STOPPING);
        }
        return window.filter(open -> !open.mayStartAt(now)).map(closed -> WINDOW_OVER);
    }

    /** To be called every now and then: cancels what still runs at the end of its window. */
    void tick(Instant now) {
        Optional<Running> due;
        synchronized (this) {
            boolean over = window.flatMap(open -> open.leftAt(now))
                    .filter(left -> left.isNegative() || left.isZero())
                    .isPresent();
            due = over ? running : Optional.empty();
        }
        due.ifPresent(run -> run.cancellation().cancel(WINDOW_OVER));
    }

    /** Called when the daemon stops: at once if it has done so already. Must be quick. */
    void onStop(Runnable action) {
        synchronized (this) {
            if (!isStopped()) {
                stopActions.add(action);
                return;
            }
        }
        action.run();
    }

    /** Ends it for good. */
    void stop() {
        Optional<Running> due;
        List<Runnable> actions;
        synchronized (this) {
            stopped.countDown();
            due = running;
            actions = List.copyOf(stopActions);
            stopActions.clear();
        }
        due.ifPresent(run -> run.cancellation().cancel(STOPPING));
        // After the run has been told why: the failures that follow are part of its end.
        actions.forEach(Runnable::run);
    }

    boolean isStopped() {
        return stopped.getCount() == 0;
    }

    /** Waits; less if the daemon is stopping. */
    void pause(Duration time) {
        try {
            stopped.await(time.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            stop();
        }
    }
}
