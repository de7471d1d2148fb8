package virtshrink.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Listens in a run's directory for somebody who needs the image. The request is a file {@code yield}; a file {@code yielded} answers it when
 * the image has been given back, and so does the end of the directory. Only the run's own user can enter there.
 */
final class YieldWatch implements AutoCloseable {
    static final String REQUEST = "yield";
    static final String ANSWER = "yielded";

    private static final Logger LOG = LoggerFactory.getLogger(YieldWatch.class);
    /** A look costs microseconds and, unlike inotify, cannot be refused because all of a user's instances are taken. */
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

    private final Run run;
    private final GiveBack giveBack;
    private volatile boolean closed;

    private YieldWatch(Run run, GiveBack giveBack) {
        this.run = run;
        this.giveBack = giveBack;
    }

    /** What is to be done before the answer. Called on a thread of its own, once at most. */
    interface GiveBack {
        void run() throws IOException;
    }

    /** Not started by the run's own thread, whose low priority it would have. */
    static YieldWatch start(Run run, GiveBack giveBack) throws IOException {
        YieldWatch watch = new YieldWatch(run, giveBack);
        try {
            return SteadyThread.call(() -> {
                Thread thread = new Thread(watch::watch, "yield-" + run.id());
                thread.setDaemon(true);
                thread.start();
                return watch;
            });
        } catch (ExecutionException problem) {
            throw new IOException("cannot listen for starting guests: " + problem.getCause(), problem);
        }
    }

    private void watch() {
        Path request = run.directory().resolve(REQUEST);
        while (!closed) {
            if (Files.exists(request)) {
                answer();
                return;
            }
            LockSupport.parkNanos(PAUSE_NANOS);
        }
    }

    private void answer() {
        try {
            giveBack.run();
            run.mark(ANSWER);
        } catch (IOException | RuntimeException problem) {
            // Who asked has a time limit of his own.
            LOG.error("the run {} could not give its image back", run.id(), problem);
        }
    }

    /** Ends the listening; an answer that is being given is not awaited. */
    @Override
    public void close() {
        closed = true;
    }
}
