package virtshrink.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParentCommand;
import virtshrink.job.RunSettings;
import virtshrink.libvirt.DomainVerdict;

@Command(
        name = "list",
        description = "Shows every domain and disk: whether it can be shrunk, why not, what it takes, and what can be"
                + " reclaimed. Writes nothing.")
final class ListCommand implements Callable<Integer> {
    private final Session session;

    @ParentCommand
    private VirtShrinkCommand parent = new VirtShrinkCommand();

    @Mixin
    private OutputOptions output = new OutputOptions();

    ListCommand(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException, WrongUsageException {
        List<ListEntry> entries = new ArrayList<>();
        try (Domains domains = session.collaborators().domains(parent.connect());
                ProgressDisplay progress = output.quiet() ? ProgressDisplay.NONE : OutputOptions.live(session)) {
            LocalRun run = new LocalRun(session, domains, RunSettings.estimate());
            for (DomainVerdict verdict : domains.all()) {
                entries.add(new ListEntry(verdict.domain(), run.run(verdict, progress)));
            }
        }
        Screen screen = session.screen();
        if (output.json()) {
            screen.out().println(Json.line(ListEntry.json(entries)));
        } else {
            new ListText(screen.outStyle()).lines(entries).forEach(screen.out()::println);
        }
        return session.stop().hasArrived() ? ExitCode.YIELDED.status() : ExitCode.DONE.status();
    }
}
