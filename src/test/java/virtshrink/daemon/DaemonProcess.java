package virtshrink.daemon;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The daemon as a process of its own, under something that listens as systemd does. Both end with the test. */
final class DaemonProcess implements AutoCloseable {
    private static final long PATIENCE_SECONDS = 30;

    /** Prints one line for each message, line ends inside it as {@code |}. */
    private static final String LISTENER = """
            import os, socket, sys
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            s.bind(sys.argv[1])
            print('listening', flush=True)
            while True:
                print(s.recv(65536).decode().replace('\\n', '|'), flush=True)
            """;

    private final Process listener;
    private final BlockingQueue<String> messages = new LinkedBlockingQueue<>();
    private final Process daemon;
    private final Path log;
    private final List<String> heard = new ArrayList<>();

    private DaemonProcess(Process listener, Process daemon, Path log) {
        this.listener = listener;
        this.daemon = daemon;
        this.log = log;
    }

    static void assumePossible() {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/python3")), "needs python3");
    }

    /**
     * Starts one.
     *
     * @param directory short; holds its run directory
     */
    static DaemonProcess start(Path directory, Path configuration, Map<String, String> environment) throws IOException {
        Path socket = directory.resolve("notify");
        Files.deleteIfExists(socket);
        Process listener = new ProcessBuilder("/usr/bin/python3", "-c", LISTENER, socket.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        Path log = directory.resolve("daemon.log");
        // As the launcher does it.
        ProcessBuilder builder = new ProcessBuilder(
                        ProcessHandle.current().info().command().orElse("java"),
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-XX:-UsePerfData",
                        "-Xms8m",
                        "-XX:MinHeapFreeRatio=10",
                        "-XX:MaxHeapFreeRatio=20",
                        "-XX:ReservedCodeCacheSize=8m",
                        "-XX:CompileThresholdScaling=4",
                        "-Xmx192m",
                        "-cp",
                        classPath(),
                        "virtshrink.daemon.Main",
                        "--config",
                        configuration.toString())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile());
        builder.environment()
                .put("VIRT_SHRINK_RUN_DIRECTORY", directory.resolve("run").toString());
        builder.environment().put("MALLOC_ARENA_MAX", "1");
        builder.environment().put("MALLOC_TRIM_THRESHOLD_", "131072");
        builder.environment().put("NOTIFY_SOCKET", socket.toString());
        builder.environment().remove("JOURNAL_STREAM");
        builder.environment().putAll(environment);
        BufferedReader lines = listener.inputReader(StandardCharsets.UTF_8);
        if (!"listening".equals(lines.readLine())) {
            throw new IOException("the listener does not listen");
        }
        DaemonProcess started = new DaemonProcess(listener, builder.start(), log);
        started.listen(lines);
        return started;
    }

    /** Where the classes of the daemon and its libraries come from; a test runner may have loaded them in its own way. */
    static String classPath() {
        return Stream.of(
                        Main.class,
                        UsedImage.class,
                        picocli.CommandLine.class,
                        org.quartz.Scheduler.class,
                        org.slf4j.Logger.class,
                        ch.qos.logback.classic.Logger.class,
                        ch.qos.logback.core.Appender.class,
                        org.tomlj.Toml.class,
                        org.antlr.v4.runtime.Parser.class,
                        com.fasterxml.jackson.jr.ob.JSON.class,
                        com.fasterxml.jackson.core.JsonParser.class,
                        com.sun.jna.Native.class,
                        io.prometheus.metrics.core.metrics.Counter.class,
                        io.prometheus.metrics.model.registry.PrometheusRegistry.class,
                        io.prometheus.metrics.config.PrometheusProperties.class,
                        io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter.class,
                        org.libvirt.Connect.class)
                .map(type ->
                        type.getProtectionDomain().getCodeSource().getLocation().getPath())
                .distinct()
                .collect(Collectors.joining(":"));
    }

    /** The next message that is as wanted; those before it are passed over. */
    String await(Predicate<String> wanted) throws IOException, InterruptedException {
        for (String line = next(); line != null; line = next()) {
            heard.add(line);
            if (wanted.test(line)) {
                return line;
            }
        }
        throw new IOException("heard only " + heard + "; log: " + log());
    }

    private @Nullable String next() throws InterruptedException {
        return messages.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    private void listen(BufferedReader lines) {
        Thread thread = new Thread(() -> lines.lines().forEach(messages::add), "notifications");
        thread.setDaemon(true);
        thread.start();
    }

    void signal(String name) throws IOException {
        run("kill", "-" + name, Long.toString(daemon.pid()));
    }

    private static void run(String... command) throws IOException {
        virtshrink.libvirt.PrivateLibvirtd.run(List.of(command));
    }

    long pid() {
        return daemon.pid();
    }

    /** Waits for its end. */
    int exitCode() throws IOException, InterruptedException {
        if (!daemon.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
            throw new IOException("the daemon does not end; log: " + log());
        }
        return daemon.exitValue();
    }

    /** What it wrote to standard error. */
    String log() throws IOException {
        return Files.readString(log);
    }

    @Override
    public void close() {
        daemon.destroyForcibly();
        listener.destroyForcibly();
    }
}
