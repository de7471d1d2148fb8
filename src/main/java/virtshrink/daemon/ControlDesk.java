package virtshrink.daemon;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import virtshrink.control.Answer;
import virtshrink.control.Answer.Refused;
import virtshrink.control.Answer.Why;
import virtshrink.control.Conversation;
import virtshrink.control.Request;
import virtshrink.control.Requests;
import virtshrink.job.RunSettings;
import virtshrink.json.JsonFields;
import virtshrink.json.JsonFields.MissingFieldException;
import virtshrink.shrink.Cause;

/** Answers what comes through the control socket. */
final class ControlDesk implements Requests {
    private static final Logger LOG = LoggerFactory.getLogger(ControlDesk.class);

    private final CurrentWork current;
    private final WorkBoard board;
    private final OnDemand onDemand;
    private final Supplier<String> uri;
    private final Supplier<Map<String, Object>> state;

    /**
     * The desk of a daemon.
     *
     * @param uri of the hypervisor whose domains it works on
     * @param state what the daemon is doing, as the documented JSON
     */
    ControlDesk(
            CurrentWork current,
            WorkBoard board,
            OnDemand onDemand,
            Supplier<String> uri,
            Supplier<Map<String, Object>> state) {
        this.current = current;
        this.board = board;
        this.onDemand = onDemand;
        this.uri = uri;
        this.state = state;
    }

    @Override
    public void answer(Request request, Conversation conversation) {
        if (request instanceof Request.Status) {
            conversation.close(new Answer.Status(state.get()));
        } else if (request instanceof Request.Cancel cancel) {
            conversation.close(new Answer.Cancelled(cancel(cancel.domain(), conversation.user())));
        } else if (request instanceof Request.Shrink shrink) {
            shrink(shrink, conversation);
        }
    }

    private List<String> cancel(Optional<String> domain, String user) {
        String why = "cancelled by " + user;
        if (domain.isEmpty()) {
            current.cancelNight(why);
        }
        List<String> cancelled = board.cancel(domain, Cause.CANCELLED, why);
        LOG.info("{}: {}", why, cancelled.isEmpty() ? "nothing was running" : String.join(", ", cancelled));
        return cancelled;
    }

    private void shrink(Request.Shrink shrink, Conversation conversation) {
        if (current.isStopped()) {
            conversation.close(new Refused(Why.NOT_MINE, CurrentWork.STOPPING));
        } else if (!shrink.connect().equals(uri.get())) {
            conversation.close(new Refused(Why.NOT_MINE, "the daemon works on the domains of " + uri.get()));
        } else {
            try {
                RunSettings settings = RunSettings.read(new JsonFields(shrink.settings()));
                onDemand.add(shrink.connect(), shrink.domains(), settings, conversation);
            } catch (MissingFieldException missing) {
                conversation.close(
                        new Refused(Why.MALFORMED, "the settings are not understood: " + missing.getMessage()));
            }
        }
    }
}
