package virtshrink.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command before the commands. */
@Command(
        name = "virt-shrink",
        description = "Gives back the disk space that idle virtual machines only pretend to use.",
        versionProvider = VirtShrinkCommand.Version.class,
        mixinStandardHelpOptions = true,
        scope = ScopeType.INHERIT,
        synopsisSubcommandLabel = "COMMAND",
        sortOptions = false,
        commandListHeading = "%nCommands:%n",
        optionListHeading = "%nOptions:%n",
        parameterListHeading = "%n",
        descriptionHeading = "%n",
        footer = {
            "",
            "Exit codes: 0 done, or nothing worth doing; 1 failed, original untouched;",
            "2 wrong usage; 3 refused, with the reason; 4 yielded or cancelled."
        })
final class VirtShrinkCommand implements Runnable {
    static final String DEFAULT_URI = "qemu:///system";

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
    private CommandSpec spec;

    @Option(
            names = {"-c", "--connect"},
            paramLabel = "URI",
            defaultValue = DEFAULT_URI,
            scope = ScopeType.INHERIT,
            description = "Hypervisor to ask about domains (default: ${DEFAULT-VALUE}).")
    private String connect = DEFAULT_URI;

    /** The hypervisor's URI. */
    String connect() {
        return connect;
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a command is missing");
    }

    /** Reads the version that the build wrote into the archive. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = VirtShrinkCommand.class.getPackage().getImplementationVersion();
            return new String[] {"virt-shrink " + (version == null ? "(not packaged)" : version)};
        }
    }
}
