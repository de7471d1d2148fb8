package virtshrink.daemon;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import virtshrink.config.Configuration;
import virtshrink.config.ConfigurationFile;
import virtshrink.config.InvalidConfigurationException;
import virtshrink.history.History;
import virtshrink.image.RunDirectory;
import virtshrink.libvirt.DomainWatch;
import virtshrink.libvirt.Patience;
import virtshrink.policy.Schedules;
import virtshrink.schedule.Schedule;
import virtshrink.shrink.Shrinker;

@Command(
        name = "virt-shrinkd",
        description =
                "Shrinks the disks of idle virtual machines at the times its configuration says. Made to be run by"
                        + " systemd.",
        versionProvider = DaemonCommand.Version.class,
        mixinStandardHelpOptions = true,
        sortOptions = false,
        footer = {
            "",
            "SIGHUP reads the configuration again; SIGTERM ends the daemon.",
            "Exit codes: 0 ended as told; 1 failed; 2 wrong usage or configuration."
        })
final class DaemonCommand implements Callable<Integer> {
    private static final int FAILED = 1;
    private static final int WRONG_CONFIGURATION = 2;

    /** The kernel's averages do not change faster. */
    private static final Duration RECHECK = Duration.ofSeconds(10);

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli before the command runs
    private CommandSpec spec;

    @Option(
            names = "--config",
            paramLabel = "FILE",
            description = "Where the configuration is (default: /etc/virt-shrink/virt-shrinkd.toml).")
    private Path config = Configuration.STANDARD_PATH;

    @Option(
            names = "--check-config",
            description = "Say what is wrong with the configuration, or when its schedules are due, and end.")
    private boolean checkConfig;

    @Override
    public Integer call() {
        Configuration configuration;
        try {
            configuration = ConfigurationFile.read(config, Schedules.CHECKS);
        } catch (InvalidConfigurationException e) {
            e.problems().forEach(spec.commandLine().getErr()::println);
            return WRONG_CONFIGURATION;
        }
        if (checkConfig) {
            printTimes(configuration, spec.commandLine().getOut());
            return CommandLine.ExitCode.OK;
        }
        JournalLog.begin();
        return run(configuration);
    }

    private void printTimes(Configuration configuration, PrintWriter out) {
        out.println(config + ": no problem found");
        for (Schedule schedule : Schedules.of(configuration)) {
            Optional<Instant> next = schedule.times().after(Instant.now());
            DateTimeFormatter format = DateTimeFormatter.ofPattern("EEE yyyy-MM-dd HH:mm:ss VV", Locale.ROOT)
                    .withZone(schedule.zone());
            out.println(
                    schedule.name() + ": next due " + next.map(format::format).orElse("never"));
        }
    }

    private int run(Configuration configuration) {
        Logger log = LoggerFactory.getLogger(DaemonCommand.class);
        try (History history = History.open(configuration.history().directory())) {
            RunDirectory runs = RunDirectory.standard();
            Patience patience = Patience.standard();
            CurrentWork current = new CurrentWork();
            current.onStop(() -> patience.end(CurrentWork.STOPPING));
            GoodNeighbour neighbour =
                    new GoodNeighbour(configuration.limits(), new KernelLoad(Path.of("/proc")), RECHECK);
            Clock clock = Clock.tickMillis(ZoneOffset.UTC);
            Control control = new Control(
                    clock,
                    current,
                    (disks, progress, cancellation) ->
                            new Shrinker(neighbour.restraint()).runTogether(disks, progress, cancellation),
                    SystemdService.ofProcess()::status);
            Workshop workshop = new Workshop(
                    uri -> LibvirtDomains.open(uri, patience),
                    control.runner(),
                    history,
                    clock,
                    current,
                    neighbour,
                    control.status());
            new Daemon(
                            config,
                            configuration,
                            workshop,
                            runs,
                            SystemdService.ofProcess(),
                            (uri, listener) -> DomainWatch.open(uri, patience, listener),
                            control)
                    .run();
            return CommandLine.ExitCode.OK;
        } catch (IOException e) {
            log.error("cannot go on: {}", e.toString());
            return FAILED;
        }
    }

    static String version() {
        String version = DaemonCommand.class.getPackage().getImplementationVersion();
        return version == null ? "(not packaged)" : version;
    }

    /** Reads the version that the build wrote into the archive. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {"virt-shrinkd " + version()};
        }
    }
}
