package virtshrink.image;

import java.io.IOException;
import java.util.List;
import java.util.OptionalInt;

/** A child process did not do what it was asked. The message has the tool, how it ended, and the last lines it wrote to standard error. */
public final class ToolFailedException extends IOException {
    private static final int MOST_LINES = 5;
    private static final int MOST_CHARACTERS = 1000;

    private final String command;
    private final OptionalInt exitCode;

    ToolFailedException(String command, OptionalInt exitCode, String what, String stderrTail) {
        super(command + " " + what + lastLines(stderrTail));
        this.command = command;
        this.exitCode = exitCode;
    }

    static ToolFailedException of(ChildResult result) {
        String how = result.signal()
                .map(signal -> "was killed by " + signal)
                .orElse("failed with exit code " + result.exitCode());
        return new ToolFailedException(result.command(), OptionalInt.of(result.exitCode()), how, result.stderrTail());
    }

    /** The tool answered what it cannot mean. */
    static ToolFailedException absurd(String command, String what) {
        return new ToolFailedException(command, OptionalInt.empty(), "gave an answer that cannot be: " + what, "");
    }

    /** The tool, and for {@code qemu-img} its subcommand. */
    public String command() {
        return command;
    }

    /** 128 plus the signal's number if a signal ended it; empty if it was not the exit code that was wrong. */
    public OptionalInt exitCode() {
        return exitCode;
    }

    private static String lastLines(String stderrTail) {
        List<String> lines = stderrTail
                .lines()
                .map(String::strip)
                .filter(line -> !line.isEmpty())
                .toList();
        String last = Printable.of(
                String.join(" | ", lines.subList(Math.max(0, lines.size() - MOST_LINES), lines.size())),
                MOST_CHARACTERS);
        return last.isEmpty() ? "" : ": " + last;
    }
}
