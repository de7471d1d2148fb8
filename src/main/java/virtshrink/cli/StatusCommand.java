package virtshrink.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import virtshrink.control.Answer;
import virtshrink.control.ControlClient;
import virtshrink.control.Request;
import virtshrink.json.JsonFields;
import virtshrink.json.JsonFields.MissingFieldException;

@Command(
        name = "status",
        description = "Shows what the daemon is doing, when its schedules are due, and what they did last.")
final class StatusCommand implements Callable<Integer> {
    private final Session session;

    @Option(names = "--json", description = "Print one JSON object on standard output and nothing else.")
    private boolean json;

    StatusCommand(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        try (ControlClient client =
                session.collaborators().daemon(new Request.Status()).orElseThrow(NoDaemonException::new)) {
            Answer answer = new DaemonAnswers(client).next();
            if (!(answer instanceof Answer.Status status)) {
                throw DaemonAnswers.unexpected(answer);
            }
            Screen screen = session.screen();
            if (json) {
                screen.out().println(Json.line(status.state()));
            } else {
                new StatusText(screen.outStyle())
                        .lines(new JsonFields(status.state()))
                        .forEach(screen.out()::println);
            }
            return ExitCode.DONE.status();
        } catch (MissingFieldException missing) {
            throw new IOException(
                    "virt-shrinkd, which may be of another version, is not understood: no " + missing.getMessage(),
                    missing);
        }
    }
}
