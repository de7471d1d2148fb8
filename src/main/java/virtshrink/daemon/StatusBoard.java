package virtshrink.daemon;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;

/** Makes one status line of what several threads are doing at once. Thread-safe. */
final class StatusBoard {
    private final String title;
    private final Consumer<String> status;
    private final Map<String, String> lines = new LinkedHashMap<>();

    /**
     * An empty one.
     *
     * @param title stands before everything
     * @param status takes the whole line whenever a part of it has changed
     */
    StatusBoard(String title, Consumer<String> status) {
        this.title = title;
        this.status = status;
    }

    /** What is being done in the name of a subject; replaces what was said in that name before. */
    synchronized void say(String subject, String what) {
        lines.put(subject, what);
        status.accept(title + ": " + String.join("; ", lines.values()));
    }

    /** Nothing is being done in that name any more. The line is not sent again: what comes next will do that. */
    synchronized void done(String subject) {
        lines.remove(subject);
    }
}
