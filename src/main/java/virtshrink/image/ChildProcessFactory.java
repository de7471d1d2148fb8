package virtshrink.image;

import java.io.File;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Starts the tools of one run, and ends them all at once when somebody else needs the disk. Thread-safe.
 *
 * <p>A child has a clean environment, no standard input, {@code /} as its directory, umask 077, no core dumps, a limit on its address space,
 * and the parent-death signal: it never outlives this process. Arguments are never interpreted by a shell.
 */
public final class ChildProcessFactory {
    /** Enough for the reference counts of large images with small clusters; more than that is an attack. */
    public static final long DEFAULT_MEMORY_BYTES = 4L << 30;

    /**
     * Runs after setpriv has asked for the parent-death signal and before the tool: a parent that died in between sends none. It sets the
     * limits and replaces itself by the tool, so the pid is the tool's. Where the limit is lower already, it stays so.
     */
    static final String PRELUDE = "[ \"$PPID\" = \"$1\" ] || exit 125; umask 077; ulimit -c 0;"
            + " ulimit -v \"$2\" 2>/dev/null || :; shift 2; exec \"$@\"";

    private final ToolPaths tools;
    private final ChildListener listener;
    private final long memoryBytes;
    private final boolean background;
    private final Set<ChildProcess> living = new HashSet<>();
    /** How many are being started: they live before they are known. */
    private int starting;

    private Optional<String> ended = Optional.empty();

    ChildProcessFactory(ToolPaths tools, ChildListener listener, long memoryBytes, boolean background) {
        this.tools = tools;
        this.listener = listener;
        this.memoryBytes = memoryBytes;
        this.background = background;
    }

    ChildProcessFactory(ToolPaths tools, ChildListener listener, long memoryBytes) {
        this(tools, listener, memoryBytes, false);
    }

    /**
     * With the tools of this host and the default limit of memory.
     *
     * @param background whether children get only what others leave of processors and disks
     */
    public ChildProcessFactory(ChildListener listener, boolean background) {
        this(ToolPaths.fromEnvironment(), listener, DEFAULT_MEMORY_BYTES, background);
    }

    /** As {@link #ChildProcessFactory(ChildListener, boolean)}, for children that are as important as anything. */
    public ChildProcessFactory(ChildListener listener) {
        this(listener, false);
    }

    /** For what nobody needs to know of. */
    public ChildProcessFactory() {
        this(ChildListener.NONE);
    }

    /**
     * Starts a tool; its standard output is kept, up to 16 MiB.
     *
     * @param tool its plain name, such as {@code qemu-img}
     * @param arguments given to it as they are: the caller keeps what others wrote from being read as an option
     * @throws ToolFailedException if {@link #killAll} has been called
     */
    public ChildProcess start(String tool, List<String> arguments) throws IOException {
        return start(tool, arguments, Optional.empty());
    }

    /** As {@link #start(String, List)}, but its standard output goes to the reader, which runs on another thread. */
    public ChildProcess start(String tool, List<String> arguments, OutputReader stdout) throws IOException {
        return start(tool, arguments, Optional.of(stdout));
    }

    /** Starts a tool and waits for its end; {@link ChildProcess#waitFor} says what is thrown. */
    public ChildResult run(String tool, List<String> arguments, Duration limit) throws IOException {
        try (ChildProcess child = start(tool, arguments)) {
            return child.waitFor(limit);
        }
    }

    /**
     * Kills every child at once, without waiting, and lets no other start.
     *
     * @param reason why, for the message of what could not start
     */
    public void killAll(String reason) {
        List<ChildProcess> due;
        synchronized (this) {
            ended = Optional.of(reason);
            due = List.copyOf(living);
        }
        due.forEach(ChildProcess::kill);
    }

    /**
     * Waits until every child has ended, those included that are being started now.
     *
     * @return false if one still lives after that time
     */
    public boolean awaitEnd(Duration limit) throws IOException {
        long deadline = System.nanoTime() + limit.toNanos();
        if (!awaitStarts(deadline)) {
            return false;
        }
        List<ChildProcess> left;
        synchronized (this) {
            left = List.copyOf(living);
        }
        for (ChildProcess child : left) {
            if (!child.awaitEnd(Duration.ofNanos(Math.max(0, deadline - System.nanoTime())))) {
                return false;
            }
        }
        return true;
    }

    /** Whether the tool is installed on this host. */
    public boolean isInstalled(String tool) {
        try {
            tools.locate(tool);
            return true;
        } catch (IOException notInstalled) {
            return false;
        }
    }

    private ChildProcess start(String tool, List<String> arguments, Optional<OutputReader> reader) throws IOException {
        String command = tool.equals("qemu-img") && !arguments.isEmpty() ? tool + " " + arguments.get(0) : tool;
        List<String> line = new ArrayList<>(List.of(
                tools.locate("setpriv").toString(),
                "--pdeathsig",
                "KILL",
                "--",
                "/bin/sh",
                "-c",
                PRELUDE,
                "sh",
                Long.toString(ProcessHandle.current().pid()),
                Long.toString(memoryBytes / 1024),
                tools.locate(tool).toString()));
        line.addAll(arguments);
        ProcessBuilder builder =
                new ProcessBuilder(line).directory(new File("/")).redirectInput(new File("/dev/null"));
        setEnvironment(builder.environment());
        synchronized (this) {
            throwIfEnded(command);
            starting++;
        }
        try {
            ChildProcess child = new ChildProcess(
                    command, ChildStarter.start(builder, background), background, reader, this::forget);
            synchronized (this) {
                living.add(child);
            }
            announce(child, tool);
            throwIfEnded(child, command);
            return child;
        } finally {
            synchronized (this) {
                starting--;
                notifyAll();
            }
        }
    }

    private void announce(ChildProcess child, String tool) {
        try {
            listener.started(child.pid(), tool);
            child.reportEnd();
        } catch (RuntimeException problem) {
            // Whom nobody knows of must not run.
            child.kill();
            throw problem;
        }
    }

    private void throwIfEnded(ChildProcess child, String command) throws ToolFailedException {
        try {
            throwIfEnded(command);
        } catch (ToolFailedException tooLate) {
            child.kill();
            throw tooLate;
        }
    }

    private synchronized boolean awaitStarts(long deadline) throws IOException {
        while (starting > 0) {
            long leftNanos = deadline - System.nanoTime();
            if (leftNanos <= 0) {
                return false;
            }
            try {
                TimeUnit.NANOSECONDS.timedWait(this, leftNanos);
            } catch (InterruptedException e) {
                throw ChildStarter.interrupted("a tool");
            }
        }
        return true;
    }

    private static void setEnvironment(Map<String, String> environment) {
        String temporary = environment.get("TMPDIR");
        environment.clear();
        environment.put("LC_ALL", "C");
        environment.put("PATH", ToolPaths.searchPath());
        // Without it glibc reserves 64 MiB of addresses for each thread, which would count against the limit.
        environment.put("MALLOC_ARENA_MAX", "4");
        if (temporary != null && temporary.startsWith("/")) {
            environment.put("TMPDIR", temporary);
        }
    }

    private synchronized void throwIfEnded(String command) throws ToolFailedException {
        if (ended.isPresent()) {
            throw new ToolFailedException(command, OptionalInt.empty(), "was not run: " + ended.get(), "");
        }
    }

    private void forget(ChildProcess child) {
        synchronized (this) {
            living.remove(child);
        }
        listener.ended(child.pid());
    }
}
