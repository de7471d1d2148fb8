package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.LoggingEvent;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class JournalLogTest {
    private static String line(boolean journal, Level level, String message, @Nullable Throwable cause) {
        LoggerContext context = new LoggerContext();
        return new JournalLog(journal)
                .doLayout(new LoggingEvent("", context.getLogger("test"), level, message, cause, null));
    }

    @Test
    void beginsEachLineWithItsPriority() {
        assertEquals("<3>broken\n", line(true, Level.ERROR, "broken", null));
        assertEquals("<4>odd\n", line(true, Level.WARN, "odd", null));
        assertEquals("<6>done\n", line(true, Level.INFO, "done", null));
        assertEquals("<7>detail\n", line(true, Level.DEBUG, "detail", null));
        String trace = line(true, Level.ERROR, "broken", new IllegalStateException("why"));
        assertTrue(trace.lines().count() > 2, trace);
        assertTrue(trace.lines().allMatch(line -> line.startsWith("<3>")), trace);
    }

    @Test
    void saysItInWordsOutsideTheJournal() {
        assertEquals("error: broken\n", line(false, Level.ERROR, "broken", null));
        assertEquals("done\n", line(false, Level.INFO, "done", null));
    }

    @Test
    void aNameCannotBeginALineOfItsOwn() {
        assertEquals("<6>web?<0>host is on fire?\n", line(true, Level.INFO, "web\n<0>host is on fire\u001b", null));
    }
}
