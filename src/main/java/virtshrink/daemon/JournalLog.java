package virtshrink.daemon;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.LayoutBase;
import ch.qos.logback.core.encoder.LayoutWrappingEncoder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Logs to standard error as the journal wants it: no time of its own, and each line begins with its priority as described in
 * {@code sd-daemon(3)}. Where standard error is not the journal, the priority is a word instead.
 */
final class JournalLog extends LayoutBase<ILoggingEvent> {
    private final boolean journal;

    JournalLog(boolean journal) {
        this.journal = journal;
    }

    /** Sets up logging for the whole process. */
    static void begin() {
        LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
        context.reset();
        JournalLog layout = new JournalLog(System.getenv("JOURNAL_STREAM") != null);
        layout.setContext(context);
        layout.start();
        LayoutWrappingEncoder<ILoggingEvent> encoder = new LayoutWrappingEncoder<>();
        encoder.setContext(context);
        encoder.setLayout(layout);
        encoder.start();
        ConsoleAppender<ILoggingEvent> appender = new ConsoleAppender<>();
        appender.setContext(context);
        appender.setTarget("System.err");
        appender.setEncoder(encoder);
        appender.start();
        ch.qos.logback.classic.Logger root = context.getLogger(Logger.ROOT_LOGGER_NAME);
        root.addAppender(appender);
        root.setLevel(Level.INFO);
        context.getLogger("org.quartz").setLevel(Level.WARN);
    }

    @Override
    public String doLayout(ILoggingEvent event) {
        StringBuilder text = new StringBuilder();
        appendLine(text, event.getLevel(), event.getFormattedMessage());
        if (event.getThrowableProxy() != null) {
            ThrowableProxyUtil.asString(event.getThrowableProxy())
                    .lines()
                    .forEach(line -> appendLine(text, event.getLevel(), line));
        }
        return text.toString();
    }

    private void appendLine(StringBuilder text, Level level, String line) {
        text.append(journal ? priority(level) : word(level));
        // A line end in a name would let its author write a line of his own into the journal.
        line.codePoints()
                .forEach(point -> text.appendCodePoint(Character.isISOControl(point) && point != '\t' ? '?' : point));
        text.append('\n');
    }

    private static String priority(Level level) {
        return switch (level.toInt()) {
            case Level.ERROR_INT -> "<3>";
            case Level.WARN_INT -> "<4>";
            case Level.INFO_INT -> "<6>";
            default -> "<7>";
        };
    }

    private static String word(Level level) {
        return switch (level.toInt()) {
            case Level.ERROR_INT -> "error: ";
            case Level.WARN_INT -> "warning: ";
            default -> "";
        };
    }
}
