package virtshrink.cli;

import java.util.function.LongSupplier;
import virtshrink.shrink.Outcome;

/**
 * What every command of one call is given.
 *
 * @param nanoClock as {@link System#nanoTime}; tests give a clock of their own
 */
record Session(Collaborators collaborators, Screen screen, StopSignal stop, LongSupplier nanoClock) {
    /** The real one. */
    static Session ofProcess(StopSignal stop) {
        return new Session(new ProductionCollaborators(), new ProcessScreen(), stop, System::nanoTime);
    }

    /**
     * The exit code for an outcome. Ctrl-C reaches the children of a run too, and what the run sees first may be their death: that is still the
     * user's wish and no failure.
     */
    ExitCode exitCode(Outcome outcome) {
        return outcome == Outcome.FAILED && stop.hasArrived() ? ExitCode.YIELDED : ExitCode.of(outcome);
    }
}
