package virtshrink.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import virtshrink.job.DomainJson;
import virtshrink.job.DomainResult;
import virtshrink.job.RunSettings;

@Command(
        name = "domain",
        description =
                "Shrinks the disks of shut-off domains now. Disks that must not be touched are left alone, with the"
                        + " reason. The daemon does it, if it runs and is for the same hypervisor; otherwise it is"
                        + " done at once.")
final class DomainCommand implements Callable<Integer> {
    private final Session session;

    @ParentCommand
    private VirtShrinkCommand parent = new VirtShrinkCommand();

    @Mixin
    private RunOptions run = new RunOptions();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Parameters(arity = "1..*", paramLabel = "NAME", description = "Name or UUID of a domain.")
    private List<String> names = new ArrayList<>();

    DomainCommand(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException, WrongUsageException {
        RunSettings settings = run.settings();
        DomainPrinter printer = new DomainPrinter(session.screen(), output, settings.dryRun());
        List<DomainResult> results = results(settings, printer);
        printer.printTotal(results);
        if (output.json()) {
            session.screen().out().println(Json.line(DomainJson.results(results)));
        }
        return ExitCode.worst(results.stream()
                        .map(result -> session.exitCode(result.outcome()))
                        .toList())
                .status();
    }

    /** By the daemon, which knows what else is going on; a look that writes nothing need not wait for its turn there. */
    private List<DomainResult> results(RunSettings settings, DomainPrinter printer) throws IOException {
        if (!settings.dryRun()) {
            Optional<RemoteRun> remote = RemoteRun.begin(session, parent.connect(), names, settings);
            if (remote.isPresent()) {
                try (RemoteRun asked = remote.get()) {
                    return asked.await(output, printer::print);
                }
            }
        }
        List<DomainResult> results = new ArrayList<>();
        try (Domains domains = session.collaborators().domains(parent.connect())) {
            LocalRun local = new LocalRun(session, domains, settings);
            for (String name : names) {
                try (ProgressDisplay progress = output.progress(session)) {
                    results.add(local.run(name, progress));
                }
                printer.print(results.get(results.size() - 1));
            }
        }
        return results;
    }
}
