package virtshrink.cli;

import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import virtshrink.shrink.Phase;

/** Keeps a progress line moving while its phase has nothing to report. */
final class Ticker implements ProgressDisplay {
    private final LiveProgress progress;
    private final ScheduledExecutorService beat = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "progress");
        thread.setDaemon(true);
        return thread;
    });

    private final ScheduledFuture<?> ticks;

    Ticker(LiveProgress progress) {
        this.progress = progress;
        long period = LiveProgress.REDRAW_NANOS;
        ticks = beat.scheduleAtFixedRate(progress::tick, period, period, TimeUnit.NANOSECONDS);
    }

    @Override
    public void subject(String name) {
        progress.subject(name);
    }

    @Override
    public void phaseBegan(Phase phase) {
        progress.phaseBegan(phase);
    }

    @Override
    public void advanced(long doneBytes, long totalBytes) {
        progress.advanced(doneBytes, totalBytes);
    }

    @Override
    public void close() {
        ticks.cancel(false);
        beat.shutdown();
        progress.close();
    }
}
