package virtshrink.daemon;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import virtshrink.schedule.MaintenanceWindow;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.Cause;

/** What is going on now, and how it is stopped: by the end of its window or of the daemon. Thread-safe. */
final class CurrentWork {
    static final String WINDOW_OVER = "the maintenance window is over";
    static final String STOPPING = "the daemon is stopping";

    private final CountDownLatch stopped = new CountDownLatch(1);
    private Optional<MaintenanceWindow> window = Optional.empty();
    private String schedule = "";
    private Optional<String> nightCancelled = Optional.empty();
    private final Set<Task> running = new LinkedHashSet<>();
    private final List<Runnable> stopActions = new ArrayList<>();

    /** A night begins; what runs in it has to end with its window. */
    synchronized void begin(String scheduleName, MaintenanceWindow nightsWindow) {
        schedule = scheduleName;
        window = Optional.of(nightsWindow);
        nightCancelled = Optional.empty();
    }

    synchronized void end() {
        window = Optional.empty();
        nightCancelled = Optional.empty();
    }

    /** One run on the disks of one domain; closed when it has ended. */
    final class Task implements AutoCloseable {
        private final String domain;
        private final Cancellation cancellation;
        private final boolean endsWithWindow;

        private Task(String domain, Cancellation cancellation, boolean endsWithWindow) {
            this.domain = domain;
            this.cancellation = cancellation;
            this.endsWithWindow = endsWithWindow;
        }

        String domain() {
            return domain;
        }

        Cancellation cancellation() {
            return cancellation;
        }

        @Override
        public void close() {
            ended(this);
        }
    }

    /** The next run of the night. Cancelled from the start if the daemon is stopping. */
    Task newTask(String domain) {
        return add(new Task(domain, new Cancellation(), true));
    }

    /** A run that somebody waits for, whatever the time of day. Cancelled from the start if the daemon is stopping. */
    Task newTaskOnDemand(String domain, Cancellation cancellation) {
        return add(new Task(domain, cancellation, false));
    }

    private synchronized Task add(Task task) {
        running.add(task);
        if (isStopped()) {
            task.cancellation().cancel(Cause.DAEMON_STOPS, STOPPING);
        }
        return task;
    }

    /** Whose night it is, or was the last. */
    synchronized String schedule() {
        return schedule;
    }

    /** What runs now, in the order of their beginnings. */
    synchronized List<Task> tasks() {
        return List.copyOf(running);
    }

    /**
     * Cancels what runs on a domain.
     *
     * @return false if there is nothing, or it cannot be cancelled any more
     */
    boolean cancel(String domain, Cause cause, String why) {
        boolean cancelled = false;
        for (Task task : tasks()) {
            cancelled |= task.domain().equals(domain) && task.cancellation().cancel(cause, why);
        }
        return cancelled;
    }

    private synchronized void ended(Task task) {
        running.remove(task);
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
        List<Task> due;
        synchronized (this) {
            boolean over = window.flatMap(open -> open.leftAt(now))
                    .filter(left -> left.isNegative() || left.isZero())
                    .isPresent();
            due = over ? running.stream().filter(task -> task.endsWithWindow).toList() : List.of();
        }
        due.forEach(task -> task.cancellation().cancel(Cause.WINDOW_OVER, WINDOW_OVER));
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
        List<Task> due;
        List<Runnable> actions;
        synchronized (this) {
            stopped.countDown();
            due = tasks();
            actions = List.copyOf(stopActions);
            stopActions.clear();
        }
        due.forEach(task -> task.cancellation().cancel(Cause.DAEMON_STOPS, STOPPING));
        // After the runs have been told why: the failures that follow are part of their end.
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
