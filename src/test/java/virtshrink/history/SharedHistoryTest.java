package virtshrink.history;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.history.HistoryEntry.NightBegan;

/** The daemon and other processes write to the same history. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class SharedHistoryTest {
    private static final int ENTRIES = 100;

    @TempDir
    Path directory;

    private static NightBegan entry(String schedule, int number) {
        return new NightBegan(Instant.EPOCH.plusSeconds(number), schedule, "", Instant.EPOCH);
    }

    private Process writer(String name) throws Exception {
        String classPath = Stream.of(
                        HistoryWriter.class,
                        HistoryFile.class,
                        com.fasterxml.jackson.jr.ob.JSON.class,
                        com.fasterxml.jackson.core.JsonParser.class,
                        org.slf4j.Logger.class)
                .map(type ->
                        type.getProtectionDomain().getCodeSource().getLocation().getPath())
                .distinct()
                .collect(Collectors.joining(":"));
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-Xmx64m",
                        "-cp",
                        classPath,
                        HistoryWriter.class.getName(),
                        directory.toString(),
                        name,
                        Integer.toString(ENTRIES))
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    @Test
    void noEntryIsLostOrTornWhenProcessesWriteAndTheDaemonPrunes() throws Exception {
        List<HistoryEntry> told = new ArrayList<>();
        try (History history = History.open(directory)) {
            history.onAppend(told::add);
            Process one = writer("one");
            Process other = writer("other");
            for (int i = 0; i < ENTRIES; i++) {
                history.append(entry("daemon", i));
                history.append(entry("expired", -1000 - i));
                if (i % 10 == 0) {
                    history.prune(Instant.EPOCH);
                }
            }
            assertEquals(0, one.waitFor());
            assertEquals(0, other.waitFor());
            history.prune(Instant.EPOCH);
            assertEquals(
                    Instant.EPOCH.plusSeconds(ENTRIES - 1),
                    history.lastNight("one").orElseThrow().at());
        }
        Map<String, Integer> counts = new TreeMap<>();
        assertEquals(0, HistoryReader.read(directory, entry -> counts.merge(entry.schedule(), 1, Integer::sum)));
        assertEquals(Map.of("daemon", ENTRIES, "one", ENTRIES, "other", ENTRIES, "expired", 1), counts);
        assertEquals(4 * ENTRIES, told.size(), "the daemon hears of the entries of others too");
    }

    @Test
    void whatACrashedProcessLeftIsRemovedByTheNextOneAndNothingElse() throws Exception {
        try (History history = History.open(directory)) {
            history.append(entry("daemon", 1));
            Files.writeString(directory.resolve("history.jsonl"), "{\"at\":\"19", StandardOpenOption.APPEND);
            HistoryFile.append(directory, entry("other", 2));
            assertEquals(
                    Instant.EPOCH.plusSeconds(2),
                    history.lastNight("other").orElseThrow().at());
            assertEquals(
                    2, Files.readAllLines(directory.resolve("history.jsonl")).size());
        }
    }

    @Test
    void nobodyMakesAHistoryWhereNobodyKeepsOne() {
        Path absent = directory.resolve("absent");
        assertThrows(NoSuchFileException.class, () -> HistoryFile.append(absent, entry("other", 2)));
        assertEquals(false, Files.exists(absent));
    }
}
