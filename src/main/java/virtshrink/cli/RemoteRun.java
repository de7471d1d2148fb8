package virtshrink.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.control.Answer;
import virtshrink.control.ControlClient;
import virtshrink.control.Request;
import virtshrink.job.DomainJson;
import virtshrink.job.DomainResult;
import virtshrink.job.RunSettings;
import virtshrink.json.JsonFields;
import virtshrink.json.JsonFields.MissingFieldException;
import virtshrink.shrink.Cancellation;

/** Runs over domains that the daemon does for this process, which shows them as if they were its own. */
final class RemoteRun implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RemoteRun.class);

    private final Session session;
    private final ControlClient client;
    private final DaemonAnswers answers;

    private RemoteRun(Session session, ControlClient client) {
        this.session = session;
        this.client = client;
        this.answers = new DaemonAnswers(client);
    }

    /** Asks the daemon; empty if there is none that would do it, for whatever reason: then it can be done without. */
    static Optional<RemoteRun> begin(Session session, String connect, List<String> names, RunSettings settings) {
        try {
            Optional<ControlClient> client =
                    session.collaborators().daemon(new Request.Shrink(connect, names, settings.toJson()));
            if (client.isEmpty()) {
                return Optional.empty();
            }
            RemoteRun run = new RemoteRun(session, client.get());
            Answer first = run.answers.next();
            if (first instanceof Answer.Accepted) {
                return Optional.of(run);
            }
            client.get().close();
            LOG.debug("the daemon does not do it: {}", first);
        } catch (IOException notReached) {
            LOG.debug("the daemon is not asked", notReached);
        }
        return Optional.empty();
    }

    /**
     * Waits for all of it.
     *
     * @param output how progress is shown
     * @param done takes each result
     * @throws IOException if the daemon cannot do it, or has gone
     */
    List<DomainResult> await(OutputOptions output, Consumer<DomainResult> done) throws IOException {
        Cancellation interrupted = session.stop().newCancellation();
        List<DomainResult> results = new ArrayList<>();
        Cancellation.Registration takingBack = interrupted.onCancel(client::takeBack);
        try {
            Optional<DomainResult> result = next(output);
            while (result.isPresent()) {
                results.add(result.get());
                done.accept(result.get());
                result = next(output);
            }
        } finally {
            takingBack.close();
        }
        return results;
    }

    /** Shows what happens until there is a result, or no more. */
    private Optional<DomainResult> next(OutputOptions output) throws IOException {
        try (ProgressDisplay progress = output.progress(session)) {
            while (true) {
                Answer answer = answers.next();
                if (answer instanceof Answer.Subject subject) {
                    progress.subject(subject.domain());
                } else if (answer instanceof Answer.PhaseBegan began) {
                    progress.phaseBegan(began.phase());
                } else if (answer instanceof Answer.Progress advance) {
                    progress.advanced(advance.doneBytes(), advance.totalBytes());
                } else if (answer instanceof Answer.Waiting waiting) {
                    showWaiting(output, waiting);
                } else if (answer instanceof Answer.Result result) {
                    return Optional.of(read(result));
                } else if (answer instanceof Answer.End) {
                    return Optional.empty();
                } else {
                    throw DaemonAnswers.unexpected(answer);
                }
            }
        }
    }

    private void showWaiting(OutputOptions output, Answer.Waiting waiting) {
        if (output.showsTables()) {
            session.screen().err().println("virt-shrink: waiting: " + SafeText.of(waiting.reason()));
        }
    }

    private static DomainResult read(Answer.Result result) throws IOException {
        try {
            return DomainJson.read(new JsonFields(result.result()));
        } catch (MissingFieldException missing) {
            throw new IOException(
                    "virt-shrinkd, which may be of another version, is not understood: no " + missing.getMessage(),
                    missing);
        }
    }

    @Override
    public void close() throws IOException {
        client.close();
    }
}
