package virtshrink.image;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** A running tool. Made by {@link ChildProcessFactory}. Thread-safe. */
public final class ChildProcess implements AutoCloseable {
    private static final int STDOUT_BYTES = 16 << 20;
    private static final int STDERR_BYTES = 64 << 10;
    private static final Duration DRAIN_LIMIT = Duration.ofSeconds(5);

    private final String command;
    private final Process process;
    private final boolean background;
    private final Consumer<ChildProcess> onEnd;
    private final StreamDrain stdout;
    private final StreamDrain stderr;
    private boolean endReported;

    /**
     * Around a process that has just been started.
     *
     * @param background whether its priority has been lowered
     */
    ChildProcess(
            String command,
            Process process,
            boolean background,
            Optional<OutputReader> reader,
            Consumer<ChildProcess> onEnd) {
        this.command = command;
        this.process = process;
        this.background = background;
        this.onEnd = onEnd;
        String name = command + "-" + process.pid();
        this.stdout = reader.map(r -> StreamDrain.into(name + "-out", process.getInputStream(), r, this::kill))
                .orElseGet(() -> StreamDrain.whole(name + "-out", process.getInputStream(), STDOUT_BYTES, this::kill));
        this.stderr = StreamDrain.tail(name + "-err", process.getErrorStream(), STDERR_BYTES, this::kill);
    }

    /** To be called once, when the listener knows of the child. */
    void reportEnd() {
        CompletableFuture<Void> unused = process.onExit().thenRun(this::ended);
    }

    /** Of the tool itself: what starts it executes it in place. */
    public long pid() {
        return process.pid();
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    /** Kills it at once ({@code SIGKILL}); harmless if it has ended. Returns without waiting. */
    public void kill() {
        // Not through the Process, which would close its streams under their readers.
        process.toHandle().destroyForcibly();
        hurry();
    }

    private void hurry() {
        if (background) {
            ChildPriority.restore(process);
        }
    }

    /** Asks it to end ({@code SIGTERM}). */
    public void terminate() {
        process.toHandle().destroy();
        hurry();
    }

    /** Waits for its end, but not longer than the limit; it goes on if it has not ended then. */
    public boolean awaitEnd(Duration limit) throws IOException {
        try {
            return process.waitFor(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            throw ChildStarter.interrupted(command);
        }
    }

    /**
     * Waits for its end. A child that exceeds the limit, or whose waiter is interrupted, is killed.
     *
     * @return how it ended, whatever its exit code
     * @throws ToolFailedException if it exceeded the time limit, or the limit of its output, or its output's reader failed
     * @throws java.io.InterruptedIOException if the thread was interrupted
     */
    public ChildResult waitFor(Duration limit) throws IOException {
        try {
            boolean inTime = process.waitFor(limit.toNanos(), TimeUnit.NANOSECONDS);
            if (!inTime) {
                kill();
                process.waitFor();
            }
            ended();
            // A killed child's grandchildren may hold the pipes: what they write is not waited for.
            boolean drained = stdout.join(DRAIN_LIMIT) && stderr.join(DRAIN_LIMIT);
            if (!inTime) {
                throw failed("did not end within " + limit.toSeconds() + " s and was killed");
            }
            if (!drained) {
                throw failed("ended but something still holds its output open");
            }
            Optional<Exception> failure = stdout.failure();
            if (failure.isPresent()) {
                ToolFailedException failed = failed(
                        "gave output that was not taken: " + failure.get().getMessage());
                failed.initCause(failure.get());
                throw failed;
            }
            return new ChildResult(command, process.exitValue(), stdout.text(), stderr.text());
        } catch (InterruptedException e) {
            kill();
            throw ChildStarter.interrupted(command);
        }
    }

    /** Kills it if it still runs. */
    @Override
    public void close() {
        kill();
    }

    /** Whoever sees the end first reports it; nobody goes on before it has been reported. */
    private synchronized void ended() {
        if (!endReported) {
            endReported = true;
            onEnd.accept(this);
        }
    }

    private ToolFailedException failed(String how) {
        return new ToolFailedException(command, OptionalInt.empty(), how, stderr.text());
    }
}
