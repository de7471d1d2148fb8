package virtshrink.cli;

import java.io.PrintStream;
import virtshrink.shrink.Phase;

/** One line for each phase, where a line cannot be drawn over: in logs, pipes and dumb terminals. */
final class PhaseLines implements ProgressDisplay {
    private final PrintStream stream;
    private String subject = "";

    PhaseLines(PrintStream stream) {
        this.stream = stream;
    }

    @Override
    public synchronized void subject(String name) {
        subject = SafeText.of(name) + ": ";
    }

    @Override
    public synchronized void phaseBegan(Phase phase) {
        stream.println(subject + phase.contractName());
    }

    @Override
    public void advanced(long doneBytes, long totalBytes) {}

    @Override
    public void close() {}
}
