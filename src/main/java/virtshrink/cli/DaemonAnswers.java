package virtshrink.cli;

import java.io.IOException;
import virtshrink.control.Answer;
import virtshrink.control.ControlClient;
import virtshrink.control.MalformedMessageException;

/** The answers of a daemon, with what can go wrong in words. */
final class DaemonAnswers {
    private final ControlClient client;

    DaemonAnswers(ControlClient client) {
        this.client = client;
    }

    /**
     * Waits for the next one.
     *
     * @throws IOException if none comes any more, or none that this program understands
     */
    Answer next() throws IOException {
        try {
            return client.next()
                    .orElseThrow(() -> new IOException("virt-shrinkd has gone away without an answer; what it was doing"
                            + " stands in: journalctl -u virt-shrinkd"));
        } catch (MalformedMessageException e) {
            throw new IOException(
                    "virt-shrinkd, which may be of another version, is not understood: " + e.getMessage(), e);
        }
    }

    /** What to throw for an answer that is not the one wanted. */
    static IOException unexpected(Answer answer) {
        if (answer instanceof Answer.Refused refused) {
            return refused.why() == Answer.Why.NOT_PERMITTED
                    ? new AccessRefusedException(refused.reason())
                    : new IOException(refused.reason());
        }
        return new IOException("virt-shrinkd has given an answer to something else");
    }
}
