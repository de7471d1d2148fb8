package virtshrink.image;

import java.util.Optional;

/**
 * How a child process ended.
 *
 * @param command the tool and, for {@code qemu-img}, its subcommand, as messages name it
 * @param exitCode 128 plus the signal's number if a signal ended it
 * @param stdout what it wrote, decoded as UTF-8; empty if it went to a reader
 * @param stderrTail the last of what it wrote to standard error
 */
public record ChildResult(String command, int exitCode, String stdout, String stderrTail) {
    /** The tool did what it was asked. */
    public boolean succeeded() {
        return exitCode == 0;
    }

    /** The signal that ended it, such as {@code SIGKILL}. */
    public Optional<String> signal() {
        if (exitCode <= 128) {
            return Optional.empty();
        }
        return Optional.of(
                switch (exitCode - 128) {
                    case 1 -> "SIGHUP";
                    case 2 -> "SIGINT";
                    case 4 -> "SIGILL";
                    case 5 -> "SIGTRAP";
                    case 6 -> "SIGABRT";
                    case 7 -> "SIGBUS";
                    case 8 -> "SIGFPE";
                    case 9 -> "SIGKILL";
                    case 11 -> "SIGSEGV";
                    case 13 -> "SIGPIPE";
                    case 15 -> "SIGTERM";
                    case 24 -> "SIGXCPU";
                    case 25 -> "SIGXFSZ";
                    case 31 -> "SIGSYS";
                    default -> "signal " + (exitCode - 128);
                });
    }

    /**
     * This result if the exit code is one of those given.
     *
     * @throws ToolFailedException if it is another
     */
    public ChildResult require(int... exitCodes) throws ToolFailedException {
        for (int expected : exitCodes) {
            if (exitCode == expected) {
                return this;
            }
        }
        throw ToolFailedException.of(this);
    }
}
