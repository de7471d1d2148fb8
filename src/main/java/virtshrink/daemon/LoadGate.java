package virtshrink.daemon;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.schedule.MaintenanceWindow;

/** Lets the next job begin when the time allows it and the host is not too busy. Used by one thread. */
final class LoadGate implements Crew.Gate {
    private static final Logger LOG = LoggerFactory.getLogger(LoadGate.class);

    /** How long a host may be busy where no window ends the waiting. */
    private static final Duration PATIENCE = Duration.ofHours(1);

    private final Workshop workshop;
    private final MaintenanceWindow window;
    private final StatusBoard board;

    LoadGate(Workshop workshop, MaintenanceWindow window, StatusBoard board) {
        this.workshop = workshop;
        this.window = window;
        this.board = board;
    }

    @Override
    public void pass() throws WorkOverException {
        Instant began = workshop.clock().instant();
        boolean waited = false;
        while (true) {
            Instant now = workshop.clock().instant();
            Optional<String> over = workshop.current().whyNotGoOn(now);
            if (over.isPresent()) {
                throw new WorkOverException(over.get());
            }
            Optional<String> busy = workshop.neighbour().whyWait();
            if (busy.isEmpty()) {
                board.done("");
                return;
            }
            if (window.leftAt(now).isEmpty() && !now.isBefore(began.plus(PATIENCE))) {
                throw new WorkOverException(busy.get() + ", and has been for an hour");
            }
            if (!waited) {
                LOG.info("waiting: {}", busy.get());
                waited = true;
            }
            board.say("", "waiting: " + busy.get());
            workshop.current().pause(workshop.neighbour().recheck());
        }
    }
}
