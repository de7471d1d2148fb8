package virtshrink.daemon;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.function.Consumer;
import virtshrink.shrink.Phase;
import virtshrink.shrink.ProgressListener;

/** Progress as status lines, of which systemd need not see more than one every two seconds and phase. */
final class StatusProgress implements ProgressListener {
    private static final Duration LEAST_INTERVAL = Duration.ofSeconds(2);

    private final String subject;
    private final Clock clock;
    private final Consumer<String> status;
    private Phase phase = Phase.JUDGE;
    private Instant lastSaid = Instant.MIN;

    StatusProgress(String subject, Clock clock, Consumer<String> status) {
        this.subject = subject;
        this.clock = clock;
        this.status = status;
    }

    @Override
    public void phaseBegan(Phase begun) {
        phase = begun;
        say("");
    }

    @Override
    public void advanced(long doneBytes, long totalBytes) {
        if (!clock.instant().isBefore(lastSaid.plus(LEAST_INTERVAL))) {
            say(" " + (int) (100.0 * doneBytes / totalBytes) + "%");
        }
    }

    private void say(String detail) {
        lastSaid = clock.instant();
        status.accept(subject + ": " + phase.contractName() + detail);
    }
}
