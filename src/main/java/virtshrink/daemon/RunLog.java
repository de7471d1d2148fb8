package virtshrink.daemon;

import java.io.IOException;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.history.History;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.shrink.Outcome;

/** Writes down what was done: for the machine into the history, for people into the journal. Thread-safe. */
final class RunLog {
    private static final Logger LOG = LoggerFactory.getLogger(RunLog.class);

    private final History history;

    RunLog(History history) {
        this.history = history;
    }

    /** What was done is done, whether or not it can be written down. */
    void remember(HistoryEntry entry) {
        try {
            history.append(entry);
        } catch (IOException e) {
            LOG.error("the history cannot be written: {}", e.toString());
        }
    }

    /** The result of one disk. */
    void add(DiskRun run) {
        remember(run);
        if (run.outcome() == Outcome.SHRUNK) {
            LOG.info(
                    "{} {}: shrunk from {} to {}, {} given back",
                    run.domain(),
                    run.target(),
                    mebibytes(run.before().allocatedBytes()),
                    mebibytes(run.after().allocatedBytes()),
                    mebibytes(run.reclaimedBytes()));
        } else if (run.outcome() == Outcome.FAILED) {
            LOG.error("{} {}: failed: {}", run.domain(), run.target(), run.reason());
        } else {
            LOG.info("{} {}: {}: {}", run.domain(), run.target(), run.outcome().contractName(), run.reason());
        }
        run.notes().forEach(note -> LOG.info("{} {}: {}", run.domain(), run.target(), note));
    }

    private static String mebibytes(long bytes) {
        return String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0);
    }
}
