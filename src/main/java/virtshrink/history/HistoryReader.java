package virtshrink.history;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.jr.ob.JSON;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/** Reads a history, entry by entry, also while the daemon writes to it. */
public final class HistoryReader {
    /** No entry is as long; a line beyond is not kept in memory. */
    static final int MOST_LINE_BYTES = 1 << 20;

    private HistoryReader() {}

    /** Takes one entry after another. */
    @FunctionalInterface
    public interface Visitor {
        /** Takes the next entry. */
        void entry(HistoryEntry entry) throws IOException;
    }

    /**
     * Visits all entries from the oldest on; none if there is no history yet. What the file ends in without the end of a line is an entry that
     * is being written, or that a crash cut off, and is passed over unless it is whole.
     *
     * @param directory of the history
     * @return how many lines could not be understood: damaged, or written by a newer version
     */
    public static int read(Path directory, Visitor visitor) throws IOException {
        return read(directory, 0, visitor);
    }

    /** Likewise, from a place in the file on at which a line begins. */
    static int read(Path directory, long startBytes, Visitor visitor) throws IOException {
        int unreadable = 0;
        try (InputStream in =
                new BufferedInputStream(Files.newInputStream(directory.resolve(HistoryFile.NAME)), 1 << 16)) {
            in.skipNBytes(startBytes);
            ByteArrayOutputStream line = new ByteArrayOutputStream();
            boolean tooLong = false;
            int next;
            do {
                next = in.read();
                if (next != '\n' && next >= 0) {
                    tooLong |= line.size() >= MOST_LINE_BYTES;
                    if (!tooLong) {
                        line.write(next);
                    }
                    continue;
                }
                Optional<HistoryEntry> entry =
                        tooLong ? Optional.empty() : parse(line.toString(StandardCharsets.UTF_8));
                if (entry.isPresent()) {
                    visitor.entry(entry.get());
                } else if (next >= 0 && (tooLong || line.size() > 0)) {
                    unreadable++;
                }
                line.reset();
                tooLong = false;
            } while (next >= 0);
        } catch (NoSuchFileException none) {
            return 0;
        }
        return unreadable;
    }

    /**
     * What is known of past runs at this moment; nothing if there is no history yet.
     *
     * @param directory of the history
     */
    public static PastRuns pastRuns(Path directory) throws IOException {
        LastRuns last = new LastRuns();
        read(directory, last::add);
        return last;
    }

    /** Empty if it is no entry that this version understands. */
    static Optional<HistoryEntry> parse(String line) throws IOException {
        try {
            return line.isEmpty() ? Optional.empty() : EntryJson.read(JSON.std.mapFrom(line));
        } catch (JacksonException notJson) {
            return Optional.empty();
        }
    }
}
