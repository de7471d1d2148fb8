package virtshrink.daemon;

import java.util.concurrent.TimeUnit;
import virtshrink.control.Answer;
import virtshrink.control.Conversation;
import virtshrink.shrink.Phase;
import virtshrink.shrink.ProgressListener;

/** Progress for whoever waits at the other end of the socket, no more often than a screen shows it. */
final class SpokenProgress implements ProgressListener {
    private static final long LEAST_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private final Conversation conversation;
    private long saidNanos = System.nanoTime() - LEAST_NANOS;

    SpokenProgress(Conversation conversation) {
        this.conversation = conversation;
    }

    @Override
    public void phaseBegan(Phase phase) {
        conversation.say(new Answer.PhaseBegan(phase));
    }

    @Override
    public void advanced(long doneBytes, long totalBytes) {
        long now = System.nanoTime();
        if (now - saidNanos >= LEAST_NANOS) {
            saidNanos = now;
            conversation.say(new Answer.Progress(doneBytes, totalBytes));
        }
    }
}
