package virtshrink.daemon;

import picocli.CommandLine;

/** Entry point of {@code virt-shrinkd}. */
public final class Main {
    private Main() {}

    /** Runs until SIGTERM. */
    public static void main(String[] arguments) {
        System.exit(new CommandLine(new DaemonCommand()).execute(arguments));
    }
}
