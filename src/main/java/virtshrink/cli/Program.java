package virtshrink.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import virtshrink.image.ImageRefusedException;
import virtshrink.shrink.Cancellation.RunCancelledException;
import virtshrink.shrink.FillRefusedException;
import virtshrink.shrink.Outcome;

/** The command line as a whole: its commands, and what becomes of errors. */
final class Program {
    private final Session session;
    private final List<String> arguments;

    private Program(Session session, String[] arguments) {
        this.session = session;
        this.arguments = List.of(arguments);
    }

    /** Runs the command that the arguments name, and returns the exit status. */
    static int run(Session session, String... arguments) {
        return new Program(session, arguments).commandLine().execute(arguments);
    }

    /** All commands; a new one is a line here and a class of its own. */
    static CommandLine commands(Session session) {
        return new CommandLine(new VirtShrinkCommand())
                .addSubcommand(new InspectCommand(session))
                .addSubcommand(new EstimateCommand(session))
                .addSubcommand(new ImageCommand(session))
                .addSubcommand(new DomainCommand(session))
                .addSubcommand(new ListCommand(session))
                .addSubcommand(new FillCommand(session))
                .addSubcommand(new HistoryCommand(session))
                .addSubcommand(new RestoreCommand(session))
                .addSubcommand(new CommandLine.HelpCommand())
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setUsageHelpAutoWidth(false)
                .setUsageHelpLongOptionsMaxWidth(28);
    }

    private CommandLine commandLine() {
        return commands(session)
                .setOut(writer(session.screen().out()))
                .setErr(writer(session.screen().err()))
                .setParameterExceptionHandler((wrong, given) -> wrongUsage(wrong))
                .setExecutionExceptionHandler((failure, command, parsed) -> failed(failure, command));
    }

    /** For picocli's own texts, which are plain ASCII. */
    private static PrintWriter writer(PrintStream stream) {
        return new PrintWriter(stream, true, StandardCharsets.UTF_8);
    }

    private int wrongUsage(ParameterException wrong) {
        CommandLine command = wrong.getCommandLine();
        boolean unknownCommand = command.getParent() == null
                && wrong instanceof CommandLine.UnmatchedArgumentException unmatched
                && !unmatched.isUnknownOption();
        return wrongUsage(
                unknownCommand
                        ? "there is no command like that: " + String.join(" ", arguments)
                        : String.valueOf(wrong.getMessage()),
                command,
                () -> CommandLine.UnmatchedArgumentException.printSuggestions(wrong, command.getErr()));
    }

    private int wrongUsage(String message, CommandLine command, Runnable suggestions) {
        session.screen().err().println("virt-shrink: " + SafeText.of(message));
        suggestions.run();
        session.screen().err().println("Try '" + command.getCommandSpec().qualifiedName() + " --help'.");
        printJson(Outcome.FAILED, message);
        return ExitCode.USAGE.status();
    }

    private int failed(Exception failure, CommandLine command) {
        if (failure instanceof WrongUsageException wrong) {
            return wrongUsage(String.valueOf(wrong.getMessage()), command, () -> {});
        }
        if (failure instanceof ImageRefusedException refused) {
            return ended(Outcome.REFUSED, String.valueOf(refused.getMessage()));
        }
        if (failure instanceof FillRefusedException refused) {
            return ended(Outcome.REFUSED, String.valueOf(refused.getMessage()));
        }
        if (failure instanceof RunCancelledException || session.stop().hasArrived()) {
            return ended(Outcome.YIELDED, "interrupted");
        }
        if (failure instanceof IOException io) {
            return ended(Outcome.FAILED, FailureText.of(io));
        }
        if (failure instanceof UncheckedIOException && failure.getCause() instanceof IOException io) {
            return ended(Outcome.FAILED, FailureText.of(io));
        }
        // A fault of ours: whoever reports it needs the place.
        failure.printStackTrace(session.screen().err());
        return ended(Outcome.FAILED, "internal error: " + failure);
    }

    private int ended(Outcome outcome, String reason) {
        session.screen().err().println("virt-shrink: " + ReportText.outcomeWords(outcome, reason));
        printJson(outcome, reason);
        return ExitCode.of(outcome).status();
    }

    private void printJson(Outcome outcome, String reason) {
        if (arguments.contains("--json")) {
            session.screen().out().println(Json.line(JsonReport.ended(outcome, reason)));
        }
    }
}
