package virtshrink.daemon;

import java.util.function.Consumer;

/** Passes lines on what is being done to systemd, and remembers the last one. Thread-safe. */
final class StatusLine implements Consumer<String> {
    private final Consumer<String> next;
    private volatile String text = "";

    StatusLine(Consumer<String> next) {
        this.next = next;
    }

    String text() {
        return text;
    }

    @Override
    public void accept(String line) {
        text = line;
        next.accept(line);
    }
}
