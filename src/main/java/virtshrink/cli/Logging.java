package virtshrink.cli;

/** Where the log of the works behind the command line goes: without this, logback would write it to standard output. */
final class Logging {
    private static final String CONFIGURATION = "logback.configurationFile";

    private Logging() {}

    /** Names the configuration; must come before anything logs. A configuration that the user names wins. */
    static void configure() {
        if (System.getProperty(CONFIGURATION) == null) {
            System.setProperty(CONFIGURATION, "virtshrink/cli/logback.xml");
        }
    }
}
