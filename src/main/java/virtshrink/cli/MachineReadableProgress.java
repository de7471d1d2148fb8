package virtshrink.cli;

import java.io.PrintStream;
import java.util.List;
import virtshrink.shrink.Phase;

/**
 * Progress for other programs, as virt-sparsify and its siblings write it: on standard output, lines that match {@code ^[0-9]+/[0-9]+$} are
 * progress within the phase, all others are status messages.
 */
final class MachineReadableProgress implements ProgressDisplay {
    /** What this program can do, for callers that ask before they use it. */
    static final List<String> FEATURES = List.of(
            "virt-shrink", "in-place", "convert", "compress", "ignore", "zero", "linux-swap", "ext2", "ext3", "ext4");

    private static final int STEPS = 100;

    private final PrintStream stream;
    private int written = STEPS;

    MachineReadableProgress(PrintStream stream) {
        this.stream = stream;
    }

    @Override
    public synchronized void subject(String name) {
        stream.println(SafeText.of(name));
    }

    @Override
    public synchronized void phaseBegan(Phase phase) {
        finishPhase();
        stream.println(phase.contractName());
        write(0);
    }

    @Override
    public synchronized void advanced(long doneBytes, long totalBytes) {
        int step = (int) ((double) doneBytes / Math.max(1, totalBytes) * STEPS);
        if (step > written && step <= STEPS) {
            write(step);
        }
    }

    @Override
    public synchronized void close() {
        finishPhase();
        stream.flush();
    }

    private void finishPhase() {
        if (written < STEPS) {
            write(STEPS);
        }
    }

    private void write(int step) {
        written = step;
        stream.println(step + "/" + STEPS);
    }
}
