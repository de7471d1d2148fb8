package virtshrink.os;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/** Another process, because what happens between processes cannot be tested within one. Ends with {@link #close()}. */
final class PythonChild implements AutoCloseable {
    private final Process process;
    private final BufferedReader output;

    PythonChild(String script, Object... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of("python3", "-u", "-c", script));
        for (Object argument : arguments) {
            command.add(argument.toString());
        }
        Process started;
        try {
            started = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
        } catch (IOException e) {
            Assumptions.abort("python3 is not installed");
            throw e;
        }
        process = started;
        output = process.inputReader(UTF_8);
    }

    long pid() {
        return process.pid();
    }

    Process process() {
        return process;
    }

    /** The next line it says. */
    String hear() throws IOException {
        String line = output.readLine();
        if (line == null) {
            throw new EOFException("the child ended");
        }
        return line;
    }

    /** Lets it go on from {@code input()}. */
    void tell(String line) throws IOException {
        process.getOutputStream().write((line + "\n").getBytes(UTF_8));
        process.getOutputStream().flush();
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}
