package virtshrink.shrink;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.core.Appender;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.jr.ob.JSON;
import com.sun.jna.Native;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import virtshrink.cli.Main;

/** The command line as a process of its own, with its own run directory and, if wanted, with tools that misbehave. */
final class CommandLineChild {
    private final Path runs;
    private final Path tools;
    private final List<String> prefix = new ArrayList<>();

    /**
     * @param scratch an empty directory for this child's run directory and tools
     */
    CommandLineChild(Path scratch) throws IOException {
        runs = Files.createDirectories(
                scratch.resolve("runs"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        tools = Files.createDirectories(scratch.resolve("tools"));
    }

    Path runs() {
        return runs;
    }

    /** Puts a shell script before a tool; {@code $real} in it is the tool. */
    CommandLineChild withTool(String name, String script) throws IOException {
        Path wrapper = tools.resolve(name);
        Files.writeString(wrapper, "#!/bin/sh\nreal=/usr/bin/" + name + "\n" + script + "\n");
        Files.setPosixFilePermissions(wrapper, PosixFilePermissions.fromString("rwxr-xr-x"));
        return this;
    }

    /** Starts it by another command, such as strace with its arguments. */
    CommandLineChild startedBy(String... command) {
        prefix.addAll(List.of(command));
        return this;
    }

    /** How it ended and what it said. */
    record Result(int exitCode, String out, String err) {}

    Result run(String... arguments) throws IOException, InterruptedException {
        Path out = Files.createTempFile("child", ".out");
        Path err = Files.createTempFile("child", ".err");
        try {
            Process process = builder(Main.class, arguments)
                    .redirectOutput(out.toFile())
                    .redirectError(err.toFile())
                    .start();
            if (!process.waitFor(120, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new AssertionError("the command line does not end: " + Files.readString(err));
            }
            return new Result(process.exitValue(), Files.readString(out), Files.readString(err));
        } finally {
            Files.delete(out);
            Files.delete(err);
        }
    }

    /** To be started by the caller. */
    ProcessBuilder builder(Class<?> main, String... arguments) {
        List<String> command = new ArrayList<>(prefix);
        command.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xmx128m",
                "-cp",
                classPath(),
                main.getName()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("VIRT_SHRINK_RUN_DIRECTORY", runs.toString());
        builder.environment().put("VIRT_SHRINK_TOOLS", tools.toString());
        builder.environment().put("TERM", "dumb");
        return builder;
    }

    /** Where these classes came from: the test's own class path may be hidden behind a launcher's archive. */
    private static String classPath() {
        return Stream.of(
                        Main.class,
                        CommandLineChild.class,
                        CommandLine.class,
                        JSON.class,
                        JsonFactory.class,
                        Native.class,
                        LoggerFactory.class,
                        Logger.class,
                        Appender.class)
                .map(type -> type.getProtectionDomain().getCodeSource().getLocation())
                .map(location -> Path.of(URI.create(location.toString())).toString())
                .distinct()
                .collect(Collectors.joining(File.pathSeparator));
    }
}
