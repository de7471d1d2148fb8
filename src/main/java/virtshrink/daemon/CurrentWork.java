package virtshrink.daemon;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
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
    private Optional<String> nightCancelled = Optional.empty();
    private Optional<Cancellation> running = Optional.empty();

    synchronized void begin(MaintenanceWindow nightsWindow) {
        window = Optional.of(nightsWindow);
        nightCancelled = Optional.empty();
    }

    synchronized void end() {
        window = Optional.empty();
        nightCancelled = Optional.empty();
        running = Optional.empty();
    }

    /** The cancellation for the next run; replaces the one before. Cancelled from the start if the daemon is stopping. */
    synchronized Cancellation newCancellation() {
        Cancellation cancellation = new Cancellation();
        running = Optional.of(cancellation);
        if (isStopped()) {
            cancellation.cancel(STOPPING);
        }
        return cancellation;
    }

    /** Why nothing new may be started; empty if it may. */
    synchronized Optional<String> whyNotGoOn(Instant now) {
        if (isStopped()) {
            return Optional.of(STOPPING);
        }
        return nightCancelled.or(
                () -> window.filter(open -> !open.mayStartAt(now)).map(closed -> WINDOW_OVER));
    }

    /** Nothing new is started in this night, if it is one. */
    synchronized void cancelNight(String why) {
        nightCancelled = window.map(open -> why);
    }

    /** To be called every now and then: cancels what still runs at the end of its window. */
    void tick(Instant now) {
        Optional<Cancellation> due;
        synchronized (this) {
            boolean over = window.flatMap(open -> open.leftAt(now))
                    .filter(left -> left.isNegative() || left.isZero())
                    .isPresent();
            due = over ? running : Optional.empty();
        }
        due.ifPresent(cancellation -> cancellation.cancel(WINDOW_OVER));
    }

    /** Ends it for good. */
    void stop() {
        Optional<Cancellation> due;
        synchronized (this) {
            stopped.countDown();
            due = running;
        }
        due.ifPresent(cancellation -> cancellation.cancel(STOPPING));
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
