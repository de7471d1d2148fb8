package virtshrink.nbd;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A real NBD server on a Unix socket, ready for connections; ended by closing it. */
final class ServerProcess implements AutoCloseable {
    private static final long START_NANOS = TimeUnit.SECONDS.toNanos(20);

    private final Process process;
    private final Path socket;

    private ServerProcess(Path directory, List<String> command, List<?> arguments) throws Exception {
        Path pidFile = directory.resolve("server.pid");
        Path log = directory.resolve("server.log");
        Files.deleteIfExists(pidFile);
        socket = directory.resolve("server.sock");
        Files.deleteIfExists(socket);
        List<String> line = new ArrayList<>(command);
        line.replaceAll(word -> switch (word) {
            case "SOCKET" -> socket.toString();
            case "PIDFILE" -> pidFile.toString();
            default -> word;
        });
        arguments.forEach(argument -> line.add(argument.toString()));
        process = new ProcessBuilder(line)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        // Both servers write their pid when they listen.
        long deadline = System.nanoTime() + START_NANOS;
        while (!Files.exists(pidFile)) {
            if (!process.isAlive() || System.nanoTime() > deadline) {
                close();
                throw new IOException(line + " did not start: " + Files.readString(log));
            }
            TimeUnit.MILLISECONDS.sleep(5);
        }
    }

    static ServerProcess qemuNbd(Path directory, Object... arguments) throws Exception {
        return qemuNbdForOneClient(
                directory,
                Stream.concat(Stream.of("--persistent", "--shared=8"), Stream.of(arguments))
                        .toArray());
    }

    /** It ends by itself when its client has gone. */
    static ServerProcess qemuNbdForOneClient(Path directory, Object... arguments) throws Exception {
        Tool.require("qemu-nbd", "qemu-utils");
        return new ServerProcess(
                directory, List.of("qemu-nbd", "--socket", "SOCKET", "--pid-file", "PIDFILE"), List.of(arguments));
    }

    static ServerProcess nbdkit(Path directory, Object... arguments) throws Exception {
        Tool.require("nbdkit", "nbdkit");
        return new ServerProcess(
                directory,
                Stream.of("nbdkit", "-f", "--exit-with-parent", "-U", "SOCKET", "-P", "PIDFILE")
                        .toList(),
                List.of(arguments));
    }

    Path socket() {
        return socket;
    }

    int exitCode() throws InterruptedException {
        return process.waitFor();
    }

    void kill() {
        process.destroyForcibly().onExit().join();
    }

    /** By force: a server that a test has made slow would finish its work first. */
    @Override
    public void close() {
        kill();
    }
}
