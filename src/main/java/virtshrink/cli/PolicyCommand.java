package virtshrink.cli;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import virtshrink.job.JsonReport;
import virtshrink.libvirt.DomainPolicy;
import virtshrink.libvirt.DomainRecord;
import virtshrink.libvirt.PolicySetting;
import virtshrink.libvirt.StatedPolicy;
import virtshrink.shrink.Outcome;

@Command(
        name = "policy",
        sortOptions = false,
        description =
                "Shows or changes how the daemon treats a domain. The policy stands in the domain's own metadata, travels with"
                        + " it, and overrides the daemon's configuration.")
final class PolicyCommand implements Callable<Integer> {
    private final Session session;

    @ParentCommand
    private VirtShrinkCommand parent = new VirtShrinkCommand();

    @Parameters(paramLabel = "NAME", description = "Name or UUID of a domain.")
    private String name = "";

    @Mixin
    private PolicyOptions changes = new PolicyOptions();

    @Option(names = "--json", description = "Print one JSON object on standard output and nothing else.")
    private boolean json;

    PolicyCommand(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException, WrongUsageException {
        // What is wrong with the options needs no libvirt to be said.
        changes.applyTo(DomainPolicy.NONE);
        try (Domains domains = session.collaborators().domains(parent.connect())) {
            Optional<DomainRecord> domain = domains.record(name);
            if (domain.isEmpty()) {
                return ended(Outcome.FAILED, "there is no domain of this name: " + name);
            }
            if (changes.isEmpty()) {
                return show(domain.get());
            }
            return change(domains, domain.get());
        }
    }

    private int change(Domains domains, DomainRecord domain) throws IOException, WrongUsageException {
        if (domain.policy() instanceof StatedPolicy.Unclear unclear && !changes.clear()) {
            return ended(
                    Outcome.REFUSED,
                    "the policy that " + domain.name() + " has cannot be followed: " + unclear.reason()
                            + "; replace it with: virt-shrink policy " + domain.name()
                            + " --clear, and what it should say");
        }
        DomainPolicy policy = changes.applyTo(
                domain.policy() instanceof StatedPolicy.Clear clear ? clear.policy() : DomainPolicy.NONE);
        for (String target : policy.excludedDisks()) {
            if (domain.disk(target).isEmpty()) {
                throw new WrongUsageException("--exclude-disks: " + domain.name() + " has no disk " + target);
            }
        }
        Optional<String> refusal = domains.storePolicy(domain, policy);
        if (refusal.isPresent()) {
            return ended(Outcome.REFUSED, refusal.get());
        }
        return show(domains.record(domain.uuid().toString())
                .orElseThrow(() -> new IOException("the domain " + domain.name() + " has just vanished")));
    }

    private int show(DomainRecord domain) {
        StatedPolicy stated = domain.policy();
        if (json) {
            Map<String, Object> object = new LinkedHashMap<>();
            object.put("domain", domain.name());
            object.put("uuid", domain.uuid().toString());
            object.putAll(PolicyJson.stated(stated));
            session.screen().out().println(Json.line(object));
        } else if (stated instanceof StatedPolicy.Clear clear) {
            table(clear.policy())
                    .lines("", session.screen().outStyle())
                    .forEach(session.screen().out()::println);
        }
        if (stated instanceof StatedPolicy.Unclear unclear) {
            complain(
                    Outcome.REFUSED,
                    "the policy of " + domain.name() + " cannot be followed, so the daemon leaves the domain alone: "
                            + unclear.reason());
            return ExitCode.REFUSED.status();
        }
        return ExitCode.DONE.status();
    }

    private Table table(DomainPolicy policy) {
        Table table = Table.of(Table.left("SETTING"), Table.left("VALUE"));
        for (PolicySetting setting : PolicySetting.values()) {
            String unstated = switch (setting) {
                case DISABLED -> "no";
                case EXCLUDE_DISKS -> session.screen().outStyle().glyphs().none();
                default -> "as configured";
            };
            table.row(setting.key(), setting.textIn(policy).orElse(unstated));
        }
        return table;
    }

    private int ended(Outcome outcome, String reason) {
        complain(outcome, reason);
        if (json) {
            session.screen().out().println(Json.line(JsonReport.ended(outcome, reason)));
        }
        return ExitCode.of(outcome).status();
    }

    private void complain(Outcome outcome, String reason) {
        session.screen().err().println("virt-shrink: " + ReportText.outcomeWords(outcome, reason));
    }
}
