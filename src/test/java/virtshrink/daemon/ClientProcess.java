package virtshrink.daemon;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import virtshrink.libvirt.PrivateLibvirtd;

/** {@code virt-shrink} as a process of its own beside a {@link DaemonProcess}. */
final class ClientProcess implements AutoCloseable {
    private static final long PATIENCE_SECONDS = 60;

    private final Process process;
    private final Path out;
    private final Path err;

    private ClientProcess(Process process, Path out, Path err) {
        this.process = process;
        this.out = out;
        this.err = err;
    }

    /** How it ended. */
    record Result(int status, String out, String err) {}

    /**
     * Starts one.
     *
     * @param directory that of the daemon
     * @param before what comes before {@code java} on the command line
     */
    static ClientProcess start(
            Path directory,
            Path configuration,
            Map<String, String> environment,
            List<String> before,
            String... arguments)
            throws IOException {
        List<String> line = new ArrayList<>(before);
        line.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xmx128m",
                "-cp",
                DaemonProcess.classPath(),
                "virtshrink.cli.Main"));
        line.addAll(List.of(arguments));
        Path out = Files.createTempFile(directory, "client", ".out");
        Path err = Files.createTempFile(directory, "client", ".err");
        ProcessBuilder builder =
                new ProcessBuilder(line).redirectOutput(out.toFile()).redirectError(err.toFile());
        builder.environment()
                .put("VIRT_SHRINK_RUN_DIRECTORY", directory.resolve("run").toString());
        builder.environment().put("VIRT_SHRINK_CONFIG", configuration.toString());
        builder.environment().put("TERM", "dumb");
        builder.environment().putAll(environment);
        return new ClientProcess(builder.start(), out, err);
    }

    void signal(String name) throws IOException {
        PrivateLibvirtd.run(List.of("kill", "-" + name, Long.toString(process.pid())));
    }

    Result end() throws IOException, InterruptedException {
        if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
            throw new IOException("does not end: " + Files.readString(err));
        }
        return new Result(
                process.exitValue(),
                Files.readString(out, StandardCharsets.UTF_8),
                Files.readString(err, StandardCharsets.UTF_8));
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
