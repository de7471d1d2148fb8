package virtshrink.cli;

import java.io.PrintStream;
import java.util.Optional;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;
import virtshrink.shrink.Phase;

/**
 * A progress line on a terminal, drawn over and over. Appears only when the work has taken a second. Thread-safe: a {@link Ticker} redraws
 * while a phase is silent.
 */
final class LiveProgress implements ProgressDisplay {
    static final long PATIENCE_NANOS = 1_000_000_000L;
    static final long REDRAW_NANOS = 100_000_000L;

    private static final String TO_START_AND_CLEAR = "\r\u001b[K";

    private final PrintStream stream;
    private final Style style;
    private final IntSupplier columns;
    private final LongSupplier clock;
    private final long beganNanos;
    private String subject = "";
    private Optional<PhaseProgress> phase = Optional.empty();
    private long drawnNanos;
    private boolean visible;
    private boolean closed;

    LiveProgress(PrintStream stream, Style style, IntSupplier columns, LongSupplier nanoClock) {
        this.stream = stream;
        this.style = style;
        this.columns = columns;
        this.clock = nanoClock;
        this.beganNanos = nanoClock.getAsLong();
        this.drawnNanos = beganNanos - REDRAW_NANOS;
    }

    @Override
    public synchronized void subject(String name) {
        subject = SafeText.of(name);
    }

    @Override
    public synchronized void phaseBegan(Phase began) {
        phase = Optional.of(new PhaseProgress(began.contractName(), clock.getAsLong()));
        tick();
    }

    @Override
    public synchronized void advanced(long doneBytes, long totalBytes) {
        phase.ifPresent(current -> current.advanced(doneBytes, totalBytes, clock.getAsLong()));
        tick();
    }

    /** Draws if it is time to. */
    synchronized void tick() {
        long now = clock.getAsLong();
        if (closed || phase.isEmpty() || now - beganNanos < PATIENCE_NANOS || now - drawnNanos < REDRAW_NANOS) {
            return;
        }
        drawnNanos = now;
        visible = true;
        stream.print(TO_START_AND_CLEAR + ProgressBar.line(subject, phase.get(), now, columns.getAsInt(), style));
        stream.flush();
    }

    @Override
    public synchronized void close() {
        closed = true;
        if (visible) {
            visible = false;
            stream.print(TO_START_AND_CLEAR);
            stream.flush();
        }
    }
}
