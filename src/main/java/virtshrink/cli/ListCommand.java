package virtshrink.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import virtshrink.job.DomainResult;
import virtshrink.job.RunSettings;
import virtshrink.libvirt.DomainVerdict;

@Command(
        name = "list",
        description =
                "Shows every domain and disk: whether it can be shrunk, why not, what it takes, and what can be"
                        + " reclaimed. Says of each schedule of the daemon whether it would shrink it, or why not. Writes nothing.")
final class ListCommand implements Callable<Integer> {
    private final Session session;

    @ParentCommand
    private VirtShrinkCommand parent = new VirtShrinkCommand();

    @Mixin
    private JournalOption journals = new JournalOption();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Option(
            names = "--config",
            paramLabel = "FILE",
            description = "The daemon's configuration (default: /etc/virt-shrink/virt-shrinkd.toml, if it is there).")
    private @Nullable Path config;

    ListCommand(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException, WrongUsageException {
        List<ListEntry> entries = new ArrayList<>();
        DaemonView daemon;
        try (Domains domains = session.collaborators().domains(parent.connect());
                ProgressDisplay progress = output.quiet() ? ProgressDisplay.NONE : OutputOptions.live(session)) {
            daemon = DaemonView.of(config, parent.connect(), domains);
            LocalRun run = new LocalRun(session, domains, RunSettings.estimate(journals.replayJournals()));
            for (DomainVerdict verdict : domains.all()) {
                DomainResult estimate = run.run(verdict, progress);
                entries.add(
                        new ListEntry(verdict.domain(), estimate, daemon.answers(verdict, estimate, Instant.now())));
            }
        }
        Screen screen = session.screen();
        if (output.json()) {
            screen.out().println(Json.line(ListEntry.json(entries, daemon.notes())));
        } else {
            new ListText(screen.outStyle()).lines(entries, daemon.notes()).forEach(screen.out()::println);
        }
        return session.stop().hasArrived() ? ExitCode.YIELDED.status() : ExitCode.DONE.status();
    }
}
