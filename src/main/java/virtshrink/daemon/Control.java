package virtshrink.daemon;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.config.Configuration;
import virtshrink.control.ControlServer;
import virtshrink.schedule.Timetable;
import virtshrink.shrink.Cause;

/** What users can see and ask of a running daemon: the control socket and all behind it. Made before the work, opened when that can begin. */
final class Control implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Control.class);

    private final WorkBoard board;
    private final Workshop.DiskRunner runner;
    private final CurrentWork current;
    private final StatusLine statusLine;
    private Optional<OnDemand> onDemand = Optional.empty();
    private Optional<ControlServer> server = Optional.empty();

    /**
     * Closed as yet.
     *
     * @param status takes a line on what is being done
     */
    Control(Clock clock, CurrentWork current, Workshop.DiskRunner runner, Consumer<String> status) {
        this.current = current;
        this.runner = runner;
        this.board = new WorkBoard(clock);
        this.statusLine = new StatusLine(status);
    }

    /** For the nights: users see its runs. */
    Workshop.DiskRunner runner() {
        return board.listed(runner, current::schedule);
    }

    /** To be told what is being done. */
    Consumer<String> status() {
        return statusLine;
    }

    /**
     * Listens from now on. Nights go on without a socket, if it cannot be made.
     *
     * @param whenIdle called when nothing more is asked for
     */
    void open(
            Path directory,
            Workshop workshop,
            Timetable timetable,
            Supplier<Configuration> configuration,
            Runnable whenIdle) {
        OnDemand asked = new OnDemand(workshop, runner, board, whenIdle);
        onDemand = Optional.of(asked);
        DaemonState state = new DaemonState(workshop, board, timetable, configuration, statusLine);
        ControlDesk desk =
                new ControlDesk(current, board, asked, () -> configuration.get().connect(), state::json);
        try {
            server = Optional.of(ControlDoor.open(directory, configuration.get().controlGroup(), desk));
        } catch (IOException e) {
            LOG.error("there is no control socket, so nobody can ask this daemon anything: {}", e.toString());
        }
    }

    /** Cancels whatever runs or waits. */
    void cancelWork() {
        board.cancel(Optional.empty(), Cause.DAEMON_STOPS, CurrentWork.STOPPING);
    }

    /** Waits for the end of what was asked for and has been cancelled. */
    void awaitEndOfWork(Duration patience) throws InterruptedException {
        if (onDemand.isPresent()) {
            onDemand.get().stop(patience);
        }
    }

    @Override
    public void close() {
        if (server.isPresent()) {
            try {
                server.get().close();
            } catch (IOException e) {
                LOG.warn("the control socket did not close well: {}", e.toString());
            }
        }
    }
}
