package virtshrink.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.CoreConstants;
import ch.qos.logback.core.LayoutBase;
import ch.qos.logback.core.encoder.LayoutWrappingEncoder;
import ch.qos.logback.core.spi.ContextAwareBase;

/**
 * Where the log of the works behind the command line goes: to standard error, because standard output belongs to results. The command line
 * says what there is to say by itself; {@code VIRT_SHRINK_LOG=DEBUG} in the environment tells more.
 *
 * <p>logback finds it as a service. Reading the same from an XML file would take longer than all the rest of the start.
 */
public final class CommandLineLog extends ContextAwareBase implements Configurator {
    private static final String WANTED = "virtshrink.cli.log";
    private static final String USERS_CHOICE = "logback.configurationFile";

    /** Chooses this log for the process; must come before anything logs. A configuration that the user names wins. */
    static void choose() {
        if (System.getProperty(USERS_CHOICE) == null) {
            System.setProperty(WANTED, "true");
        }
    }

    @Override
    public ExecutionStatus configure(LoggerContext log) {
        if (!Boolean.getBoolean(WANTED)) {
            return ExecutionStatus.INVOKE_NEXT_IF_ANY;
        }
        Line line = new Line();
        line.setContext(log);
        line.start();
        LayoutWrappingEncoder<ILoggingEvent> encoder = new LayoutWrappingEncoder<>();
        encoder.setContext(log);
        encoder.setLayout(line);
        encoder.start();
        ConsoleAppender<ILoggingEvent> standardError = new ConsoleAppender<>();
        standardError.setContext(log);
        standardError.setTarget("System.err");
        standardError.setEncoder(encoder);
        standardError.start();
        Logger root = log.getLogger(Logger.ROOT_LOGGER_NAME);
        root.addAppender(standardError);
        root.setLevel(Level.toLevel(System.getenv("VIRT_SHRINK_LOG"), Level.WARN));
        return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
    }

    /** One event. */
    private static final class Line extends LayoutBase<ILoggingEvent> {
        @Override
        public String doLayout(ILoggingEvent event) {
            String logger = event.getLoggerName();
            StringBuilder text = new StringBuilder("virt-shrink: ")
                    .append(event.getLevel())
                    .append(' ')
                    .append(logger.substring(logger.lastIndexOf('.') + 1))
                    .append(": ")
                    .append(SafeText.of(event.getFormattedMessage()))
                    .append(CoreConstants.LINE_SEPARATOR);
            if (event.getThrowableProxy() != null) {
                text.append(ThrowableProxyUtil.asString(event.getThrowableProxy()))
                        .append(CoreConstants.LINE_SEPARATOR);
            }
            return text.toString();
        }
    }
}
