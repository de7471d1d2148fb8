package virtshrink.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import virtshrink.config.Configuration;
import virtshrink.config.ConfigurationFile;
import virtshrink.config.ConfigurationProblem;
import virtshrink.config.InvalidConfigurationException;
import virtshrink.history.HistoryReader;
import virtshrink.history.PastRuns;
import virtshrink.job.DomainResult;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.policy.Choice;
import virtshrink.policy.ChoiceRule;
import virtshrink.policy.Schedules;
import virtshrink.schedule.Schedule;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ShrinkReport;

/**
 * What the daemon would do by its configuration, whether or not it runs.
 *
 * @param notes why less can be said than should be, each a sentence
 */
record DaemonView(List<Rule> rules, List<String> notes) {
    DaemonView {
        rules = List.copyOf(rules);
        notes = List.copyOf(notes);
    }

    /** One schedule. */
    record Rule(String schedule, ChoiceRule choice) {}

    /**
     * The view by a configuration that may be missing or broken.
     *
     * @param file as the user named it; none stands for the usual one, which need not be there
     * @param uri the hypervisor whose domains it is about
     */
    static DaemonView of(@Nullable Path file, String uri, Domains domains) throws LibvirtUnavailableException {
        Path config = file == null ? Configuration.STANDARD_PATH : file;
        if (file == null && Files.notExists(config, LinkOption.NOFOLLOW_LINKS)) {
            return new DaemonView(List.of(), List.of());
        }
        Configuration configuration;
        try {
            configuration = ConfigurationFile.read(config, Schedules.CHECKS);
        } catch (InvalidConfigurationException e) {
            return nothing(
                    "the daemon's configuration cannot be used",
                    e.problems().stream().map(ConfigurationProblem::toString).toList());
        }
        if (!configuration.connect().equals(uri)) {
            return nothing(
                    "the daemon's configuration is for the domains of " + configuration.connect() + ", not of " + uri,
                    List.of());
        }
        List<String> notes = new ArrayList<>();
        PastRuns past = pastRuns(configuration.history().directory(), notes);
        Map<String, Path> pools = domains.poolDirectories();
        List<Rule> rules = new ArrayList<>();
        for (Schedule schedule : Schedules.of(configuration)) {
            rules.add(new Rule(schedule.name(), new ChoiceRule(schedule, past, pools)));
        }
        return new DaemonView(rules, notes);
    }

    private static DaemonView nothing(String why, List<String> details) {
        List<String> notes = new ArrayList<>();
        notes.add(why + ", so nothing is said of its schedules");
        notes.addAll(details);
        return new DaemonView(List.of(), notes);
    }

    private static PastRuns pastRuns(Path directory, List<String> notes) {
        try {
            return HistoryReader.pastRuns(directory);
        } catch (IOException e) {
            notes.add("the daemon's history cannot be read, so what it says of past runs is not regarded here: "
                    + FailureText.of(e));
            return PastRuns.NONE;
        }
    }

    /** What each schedule makes of the domain's disks, by their targets. */
    Map<String, List<ScheduleAnswer>> answers(DomainVerdict verdict, DomainResult estimate, Instant now) {
        Map<String, List<ScheduleAnswer>> answers = new HashMap<>();
        for (Rule rule : rules) {
            Choice choice = rule.choice().choose(verdict, now);
            for (DomainResult.Disk disk : estimate.disks()) {
                String reason = choice.whyNot(disk.target())
                        .or(() -> afterEstimate(choice, disk))
                        .orElse("");
                answers.computeIfAbsent(disk.target(), target -> new ArrayList<>())
                        .add(new ScheduleAnswer(rule.schedule(), reason));
            }
        }
        return answers;
    }

    /** What only the look into a disk tells. */
    private static Optional<String> afterEstimate(Choice choice, DomainResult.Disk disk) {
        if (disk instanceof DomainResult.Run run && choice instanceof Choice.Take take) {
            ShrinkReport report = run.report();
            return report.outcome() == Outcome.NOTHING_TO_GAIN || report.outcome() == Outcome.SHRUNK
                    ? take.terms()
                            .whyNotWorth(
                                    report.reclaimableBytes(), report.before().allocatedBytes())
                    : Optional.of(report.reason());
        }
        return Optional.empty();
    }
}
