package virtshrink.shrink;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The one place where a run and whoever wants it to stop meet. A cancellation either comes before the point of no return, and the run ends
 * with the original untouched, or after it, and the swap is finished. Thread-safe.
 */
public final class Cancellation {
    private final List<Runnable> actions = new ArrayList<>();
    private Optional<String> reason = Optional.empty();
    private Cause cause = Cause.CANCELLED;
    private boolean pastNoReturn;

    /**
     * Asks the run to end. Kills its children at once through the actions registered.
     *
     * @return false if the run is past its point of no return or has been cancelled already
     */
    public boolean cancel(String why) {
        return cancel(Cause.CANCELLED, why);
    }

    /**
     * The same, for figures to tell apart.
     *
     * @param kind one that leads to {@link Outcome#YIELDED}
     */
    public boolean cancel(Cause kind, String why) {
        List<Runnable> due;
        synchronized (this) {
            if (pastNoReturn || reason.isPresent()) {
                return false;
            }
            reason = Optional.of(why);
            cause = kind;
            due = List.copyOf(actions);
        }
        due.forEach(Runnable::run);
        return true;
    }

    /** Why the run was asked to end; empty if it was not. */
    public synchronized Optional<String> reason() {
        return reason;
    }

    /** The kind of the reason; {@link Cause#CANCELLED} if there is none. */
    public synchronized Cause cause() {
        return cause;
    }

    /**
     * Runs the action when the run is cancelled, at once if it already is. The action must be quick and must not throw.
     *
     * @return withdraws the action again
     */
    public Registration onCancel(Runnable action) {
        synchronized (this) {
            if (reason.isEmpty()) {
                actions.add(action);
                return () -> {
                    synchronized (this) {
                        actions.remove(action);
                    }
                };
            }
        }
        action.run();
        return () -> {};
    }

    /** Ends the run here if it was cancelled. */
    public void checkpoint() throws RunCancelledException {
        Optional<String> why = reason();
        if (why.isPresent()) {
            throw new RunCancelledException(why.get());
        }
    }

    /** From here on cancellation is refused. */
    public synchronized void passPointOfNoReturn() throws RunCancelledException {
        if (reason.isPresent()) {
            throw new RunCancelledException(reason.get());
        }
        pastNoReturn = true;
    }

    /** Withdraws an action. */
    public interface Registration extends AutoCloseable {
        @Override
        void close();
    }

    /** The run was asked to end before its point of no return. */
    public static final class RunCancelledException extends Exception {
        public RunCancelledException(String reason) {
            super(reason);
        }
    }
}
