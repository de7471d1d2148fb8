package virtshrink.cli;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.core.Context;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.jr.ob.JSON;
import com.sun.jna.Native;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.libvirt.Connect;
import org.slf4j.Logger;
import picocli.CommandLine;
import virtshrink.libvirt.PrivateLibvirtd;

/** {@code virt-shrink} as a process of its own, among the processes of a private libvirtd, which it finds where it finds any. */
final class CommandProcess implements AutoCloseable {
    private final Process process;
    private final CompletableFuture<String> out;
    private final CompletableFuture<String> err;

    private CommandProcess(Process process) {
        this.process = process;
        this.out = read(process.getInputStream());
        this.err = read(process.getErrorStream());
    }

    /**
     * Starts it.
     *
     * @param before what comes before {@code java} on the command line: a tracer
     * @param tools a directory of tools that are preferred
     * @param runs its run directory
     */
    static CommandProcess start(DomainHost host, List<String> before, Path tools, Path runs, String... arguments)
            throws IOException {
        List<String> line = new ArrayList<>(host.libvirtd.inside());
        line.addAll(before);
        line.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xmx128m",
                "-Djna.nosys=true",
                "-cp",
                classPath(),
                Main.class.getName()));
        line.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(line);
        builder.environment().put("VIRT_SHRINK_TOOLS", tools.toString());
        builder.environment().put("VIRT_SHRINK_RUN_DIRECTORY", runs.toString());
        builder.environment().put("TERM", "dumb");
        Process process = builder.start();
        process.getOutputStream().close();
        return new CommandProcess(process);
    }

    /** Where these classes came from: the test's own class path may be hidden behind a launcher's archive. */
    private static String classPath() {
        return Stream.of(
                        Main.class,
                        CommandLine.class,
                        JSON.class,
                        JsonFactory.class,
                        Native.class,
                        Connect.class,
                        Logger.class,
                        LoggerContext.class,
                        Context.class)
                .map(type -> type.getProtectionDomain().getCodeSource().getLocation())
                .map(location -> Path.of(URI.create(location.toString())).toString())
                .distinct()
                .collect(Collectors.joining(File.pathSeparator));
    }

    private static CompletableFuture<String> read(InputStream stream) {
        CompletableFuture<String> text = new CompletableFuture<>();
        Thread reader = new Thread(() -> {
            try (stream) {
                text.complete(new String(stream.readAllBytes(), StandardCharsets.UTF_8));
            } catch (IOException e) {
                text.completeExceptionally(e);
            }
        });
        reader.setDaemon(true);
        reader.start();
        return text;
    }

    /** Something that will be so while the process runs. */
    interface Condition {
        boolean holds() throws IOException;
    }

    /** Waits until it is so; fails if the process has ended before. */
    void await(Condition condition) throws IOException {
        while (!condition.holds()) {
            if (!process.isAlive()) {
                throw new IOException("ended too early: " + out.join() + err.join());
            }
        }
    }

    /** Sends a signal to the virtual machine itself. */
    void signal(String name) throws IOException {
        ProcessHandle java = process.descendants()
                .filter(child -> child.info().command().orElse("").endsWith("/java"))
                .findFirst()
                .orElseThrow();
        PrivateLibvirtd.run(List.of("kill", "-" + name, Long.toString(java.pid())));
    }

    Cli.Result end() throws Exception {
        if (!process.waitFor(60, TimeUnit.SECONDS)) {
            throw new IOException("does not end");
        }
        return new Cli.Result(process.exitValue(), out.get(), err.get());
    }

    /** Whether there is a temporary file of that role beside the image: {@code overlay}, {@code new}, {@code exchange}. */
    static boolean hasTemporary(Path image, String role) throws IOException {
        try (Stream<Path> beside = Files.list(image.resolveSibling("."))) {
            return beside.map(file -> String.valueOf(file.getFileName()))
                    .anyMatch(name ->
                            name.startsWith("." + image.getFileName() + ".virt-shrink-") && name.contains("." + role));
        }
    }

    @Override
    public void close() {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }
}
