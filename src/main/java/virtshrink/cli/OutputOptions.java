package virtshrink.cli;

import picocli.CommandLine.Option;

/** What is shown, and how; the same for every command that runs. */
final class OutputOptions {
    @Option(names = "--json", description = "Print one JSON object on standard output and nothing else.")
    private boolean json;

    @Option(
            names = {"-q", "--quiet"},
            description = "No progress, no notes, no closing table; only complaints.")
    private boolean quiet;

    boolean json() {
        return json;
    }

    boolean quiet() {
        return quiet;
    }

    /** Whether a person reads the result. */
    boolean showsTables() {
        return !json && !quiet;
    }

    /** Progress as these options and the screen allow. */
    ProgressDisplay progress(Session session) {
        if (quiet) {
            return ProgressDisplay.NONE;
        }
        Screen screen = session.screen();
        return json || screen.liveProgress() ? live(session) : new PhaseLines(screen.err());
    }

    /** A progress line if the screen can show one, otherwise nothing. */
    static ProgressDisplay live(Session session) {
        Screen screen = session.screen();
        return screen.liveProgress()
                ? new Ticker(new LiveProgress(screen.err(), screen.errStyle(), screen::columns, session.nanoClock()))
                : ProgressDisplay.NONE;
    }
}
