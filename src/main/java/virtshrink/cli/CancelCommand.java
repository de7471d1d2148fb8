package virtshrink.cli;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import virtshrink.control.Answer;
import virtshrink.control.ControlClient;
import virtshrink.control.Request;

@Command(
        name = "cancel",
        description = "Cancels what the daemon is doing to a domain, or all it is doing; its images stay as they were."
                + " The next night goes on as ever.")
final class CancelCommand implements Callable<Integer> {
    private final Session session;

    @Option(names = "--json", description = "Print one JSON object on standard output and nothing else.")
    private boolean json;

    @Parameters(arity = "0..1", paramLabel = "NAME", description = "Name or UUID of a domain (default: all).")
    private @Nullable String name;

    CancelCommand(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        Request request = new Request.Cancel(Optional.ofNullable(name));
        try (ControlClient client = session.collaborators().daemon(request).orElseThrow(NoDaemonException::new)) {
            Answer answer = new DaemonAnswers(client).next();
            if (answer instanceof Answer.Cancelled cancelled) {
                print(cancelled.domains());
                return ExitCode.DONE.status();
            }
            throw DaemonAnswers.unexpected(answer);
        }
    }

    private void print(List<String> domains) {
        if (json) {
            Map<String, Object> object = new LinkedHashMap<>();
            object.put("cancelled", domains);
            session.screen().out().println(Json.line(object));
        } else if (domains.isEmpty()) {
            session.screen()
                    .out()
                    .println(name == null ? "nothing is running" : "nothing is being done to " + SafeText.of(name));
        } else {
            domains.forEach(domain -> session.screen().out().println("cancelled  " + SafeText.of(domain)));
        }
    }
}
