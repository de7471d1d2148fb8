package virtshrink.cli;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import virtshrink.config.Configuration;
import virtshrink.config.HistoryPlace;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryFile;

/** The history of this host, as runs on the command line add to it. */
final class HostHistory {
    private final Path directory;

    HostHistory(Path directory) {
        this.directory = directory;
    }

    /** Where the daemon of this host keeps it; {@code VIRT_SHRINK_CONFIG} in the environment names another configuration than the usual one. */
    static Path directory() {
        String named = System.getenv("VIRT_SHRINK_CONFIG");
        return HistoryPlace.in(named == null ? Configuration.STANDARD_PATH : Path.of(named));
    }

    /** Adds an entry; a run is what it is, whether or not it can be written down. */
    Optional<String> remember(DiskRun run) {
        try {
            HistoryFile.append(directory, run);
            return Optional.empty();
        } catch (NoSuchFileException nobodyKeepsOne) {
            return Optional.empty();
        } catch (AccessDeniedException notForThisUser) {
            return Optional.of("this run is not in the history: only root writes to " + directory);
        } catch (IOException problem) {
            return Optional.of("this run is not in the history: " + FailureText.of(problem));
        }
    }
}
