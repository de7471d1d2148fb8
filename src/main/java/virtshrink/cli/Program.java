package virtshrink.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import virtshrink.image.ImageRefusedException;
import virtshrink.job.JsonReport;
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

    /** All commands, in the order of the help; a new one is a line here and a class of its own. */
    private static Map<String, Function<Session, Object>> makers() {
        Map<String, Function<Session, Object>> makers = new LinkedHashMap<>();
        makers.put("inspect", InspectCommand::new);
        makers.put("estimate", EstimateCommand::new);
        makers.put("image", ImageCommand::new);
        makers.put("domain", DomainCommand::new);
        makers.put("list", ListCommand::new);
        makers.put("policy", PolicyCommand::new);
        makers.put("fill", FillCommand::new);
        makers.put("status", StatusCommand::new);
        makers.put("history", HistoryCommand::new);
        makers.put("restore", RestoreCommand::new);
        makers.put("cancel", CancelCommand::new);
        makers.put("help", session -> new CommandLine.HelpCommand());
        return makers;
    }

    /** The command line with all its commands. */
    static CommandLine commands(Session session) {
        return commands(session, makers());
    }

    private static CommandLine commands(Session session, Map<String, Function<Session, Object>> makers) {
        CommandLine line = new CommandLine(new VirtShrinkCommand());
        makers.forEach((name, maker) -> line.addSubcommand(name, maker.apply(session)));
        return line.setCaseInsensitiveEnumValuesAllowed(true)
                .setUsageHelpAutoWidth(false)
                .setUsageHelpLongOptionsMaxWidth(28);
    }

    /** Only what is named is made: describing the others to picocli would take a tenth of a short run's time. */
    private Map<String, Function<Session, Object>> named() {
        Map<String, Function<Session, Object>> makers = makers();
        if (!arguments.isEmpty() && !arguments.get(0).equals("help") && makers.containsKey(arguments.get(0))) {
            makers.keySet().retainAll(Set.of(arguments.get(0)));
        }
        return makers;
    }

    private CommandLine commandLine() {
        return commands(session, named())
                .setOut(writer(session.screen().out()))
                .setErr(writer(session.screen().err()))
                .setParameterExceptionHandler(new Complaints(this))
                .setExecutionExceptionHandler(new Complaints(this));
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
        if (failure instanceof AccessRefusedException refused) {
            return ended(Outcome.REFUSED, String.valueOf(refused.getMessage()));
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

    /** A class with a name, because picocli's interfaces are too old for lambda expressions to get into the class-data archive. */
    private record Complaints(Program program) implements IParameterExceptionHandler, IExecutionExceptionHandler {
        @Override
        public int handleParseException(ParameterException wrong, String[] given) {
            return program.wrongUsage(wrong);
        }

        @Override
        public int handleExecutionException(Exception failure, CommandLine command, ParseResult parsed) {
            return program.failed(failure, command);
        }
    }
}
