package virtshrink.history;

import java.nio.file.Path;
import java.time.Instant;
import virtshrink.history.HistoryEntry.NightBegan;

/** A process of its own that appends: its arguments are the directory, its name, and how many entries. */
final class HistoryWriter {
    private HistoryWriter() {}

    public static void main(String[] arguments) throws Exception {
        for (int i = 0; i < Integer.parseInt(arguments[2]); i++) {
            HistoryFile.append(
                    Path.of(arguments[0]),
                    new NightBegan(Instant.EPOCH.plusSeconds(i), arguments[1], "x".repeat(i * 50), Instant.EPOCH));
        }
    }
}
