package virtshrink.history;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.Filesystem;
import virtshrink.history.HistoryEntry.ImageStamp;
import virtshrink.history.HistoryEntry.NightBegan;
import virtshrink.history.HistoryEntry.NightEnded;
import virtshrink.shrink.Cause;
import virtshrink.shrink.FileSize;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.Phase;

class HistoryTest {
    private static final Instant NOON = Instant.parse("2026-11-22T12:00:00Z");
    private static final UUID DOMAIN = new UUID(1, 2);

    @TempDir
    Path directory;

    private static DiskRun run(Instant at, String target, Outcome outcome) {
        return new DiskRun(
                at,
                "nightly",
                "grün \"1\"\n\u0001",
                DOMAIN,
                target,
                Path.of("/srv/ä b.qcow2"),
                Cause.generalOf(outcome),
                outcome == Outcome.SHRUNK ? "" : "free space holds no data",
                new FileSize(1000, 900),
                new FileSize(500, 400),
                450,
                0,
                Optional.of(new ImageStamp(-1, Long.MIN_VALUE, 500, 1_700_000_000, 999_999_999)),
                Map.of(Phase.JUDGE, Duration.ofMillis(3), Phase.REBUILD, Duration.ofMillis(1200)),
                List.of(new Filesystem("vda1", "ext4", "free-space", "", 450)),
                List.of("a note"));
    }

    private static NightBegan began(Instant at) {
        return new NightBegan(at, "nightly", "0 30 1 * * ? UTC", at.minusSeconds(1));
    }

    private List<HistoryEntry> entries() throws IOException {
        List<HistoryEntry> found = new ArrayList<>();
        HistoryReader.read(directory, found::add);
        return found;
    }

    private Path file() {
        return directory.resolve("history.jsonl");
    }

    @Test
    void givesBackWhatWasAppended() throws Exception {
        List<HistoryEntry> written = List.of(
                began(NOON),
                run(NOON, "vda", Outcome.SHRUNK),
                run(NOON, "vdb", Outcome.NOTHING_TO_GAIN),
                new NightEnded(NOON, "nightly", NOON, 5, 1, 2, 2, "the maintenance window is over"));
        try (History history = History.open(directory)) {
            for (HistoryEntry entry : written) {
                history.append(entry);
            }
            assertEquals(written, entries());
        }
        assertEquals(4, Files.readAllLines(file()).size());
    }

    @Test
    void anAbsentHistoryIsEmpty() throws Exception {
        assertEquals(List.of(), entries());
    }

    @Test
    void remembersTheNewestAcrossRestarts() throws Exception {
        DiskRun shrunk = run(NOON, "vda", Outcome.SHRUNK);
        DiskRun later = run(NOON.plusSeconds(60), "vda", Outcome.NOTHING_TO_GAIN);
        try (History history = History.open(directory.resolve("made"))) {
            assertEquals(Optional.empty(), history.lastOfDisk(DOMAIN, "vda"));
            history.append(shrunk);
            history.append(later);
            history.append(began(NOON));
            assertEquals(Optional.of(later), history.lastOfDisk(DOMAIN, "vda"));
        }
        try (History history = History.open(directory.resolve("made"))) {
            assertEquals(Optional.of(later), history.lastOfDisk(DOMAIN, "vda"));
            assertEquals(Optional.empty(), history.lastOfDisk(DOMAIN, "vdb"));
            assertEquals(Optional.of(NOON), history.lastShrunk(DOMAIN));
            assertEquals(Optional.of(began(NOON)), history.lastNight("nightly"));
            assertEquals(Optional.empty(), history.lastNight("weekly"));
        }
    }

    @Test
    void anEntryThatACrashCutOffAtAnyByteIsPassedOverAndThenRemoved() throws Exception {
        try (History history = History.open(directory)) {
            history.append(began(NOON));
            history.append(run(NOON, "vda", Outcome.SHRUNK));
        }
        byte[] whole = Files.readAllBytes(file());
        int firstLine = new String(whole, java.nio.charset.StandardCharsets.ISO_8859_1).indexOf('\n') + 1;
        for (int cut = firstLine; cut < whole.length; cut++) {
            Files.write(file(), java.util.Arrays.copyOf(whole, cut));
            boolean complete = cut == whole.length - 1;
            assertEquals(complete ? 2 : 1, entries().size(), "read when cut at " + cut);
            try (History history = History.open(directory)) {
                history.append(began(NOON.plusSeconds(1)));
            }
            List<HistoryEntry> found = entries();
            assertEquals(began(NOON), found.get(0));
            assertEquals(began(NOON.plusSeconds(1)), found.get(found.size() - 1));
            assertEquals(complete ? 3 : 2, found.size(), "cut at " + cut);
            assertEquals(complete ? 3 : 2, Files.readAllLines(file()).size(), "lines when cut at " + cut);
        }
    }

    @Test
    void anEntryThatAPowerCutLeftAsZerosFromAnyByteOnIsRemoved() throws Exception {
        try (History history = History.open(directory)) {
            history.append(began(NOON));
            history.append(run(NOON, "vda", Outcome.SHRUNK));
        }
        byte[] whole = Files.readAllBytes(file());
        int firstLine = new String(whole, java.nio.charset.StandardCharsets.ISO_8859_1).indexOf('\n') + 1;
        for (int zeros = firstLine; zeros < whole.length - 1; zeros++) {
            byte[] damaged = whole.clone();
            java.util.Arrays.fill(damaged, zeros, damaged.length, (byte) 0);
            Files.write(file(), damaged);
            History.open(directory).close();
            assertEquals(List.of(began(NOON)), entries(), "zeros from " + zeros);
            assertEquals(firstLine, Files.size(file()), "zeros from " + zeros);
        }
    }

    @Test
    void aLongTornEndIsRemovedToo() throws Exception {
        try (History history = History.open(directory)) {
            history.append(began(NOON));
        }
        long size = Files.size(file());
        Files.writeString(file(), "x".repeat(3 << 20), StandardOpenOption.APPEND);
        History.open(directory).close();
        assertEquals(size, Files.size(file()));
        Files.writeString(file(), "torn from the first entry on");
        History.open(directory).close();
        assertEquals(0, Files.size(file()));
    }

    @Test
    void aCrashWhilePruningLeavesTheOldFile() throws Exception {
        try (History history = History.open(directory)) {
            history.append(began(NOON));
            history.append(began(NOON.plusSeconds(1)));
        }
        Files.writeString(directory.resolve("history.jsonl.new"), "half of the new fi");
        try (History history = History.open(directory)) {
            assertEquals(2, entries().size());
            history.prune(NOON.plusSeconds(1));
            assertEquals(List.of(began(NOON.plusSeconds(1))), entries());
        }
        assertFalse(Files.exists(directory.resolve("history.jsonl.new")));
    }

    @Test
    void entriesOfAnOlderVersionHaveAGeneralCause() throws Exception {
        DiskRun refused = run(NOON, "vda", Outcome.REFUSED);
        try (History history = History.open(directory)) {
            history.append(refused);
        }
        String line = Files.readString(file());
        Files.writeString(
                file(),
                line.replace("\"cause\":\"image\",", "")
                        + line.replace("\"image\",\"reason", "\"of-the-future\",\"reason"));
        assertEquals(List.of(refused, refused), entries());
    }

    @Test
    void whoeverListensIsToldOfEveryEntryAlsoOfOneThatCannotBeWritten() throws Exception {
        List<HistoryEntry> told = new ArrayList<>();
        History history = History.open(directory);
        history.onAppend(told::add);
        history.append(began(NOON));
        history.close();
        assertThrows(IOException.class, () -> history.append(began(NOON.plusSeconds(1))));
        assertEquals(List.of(began(NOON), began(NOON.plusSeconds(1))), told);
    }

    @Test
    void countsLinesThatNobodyUnderstands() throws Exception {
        try (History history = History.open(directory)) {
            history.append(began(NOON));
        }
        Files.writeString(
                file(),
                "garbage\n{}\n{\"entry\":\"disk\"}\n[1]\n\n{\"entry\":\"from the future\"}\n" + "x".repeat(3 << 20)
                        + "\n",
                StandardOpenOption.APPEND);
        try (History history = History.open(directory)) {
            history.append(began(NOON.plusSeconds(1)));
        }
        List<HistoryEntry> found = new ArrayList<>();
        assertEquals(6, HistoryReader.read(directory, found::add));
        assertEquals(List.of(began(NOON), began(NOON.plusSeconds(1))), found);
    }

    @Test
    void pruningKeepsWhatIsYoungAndWhatIsStillAskedFor() throws Exception {
        DiskRun oldShrunk = run(NOON.minusSeconds(50), "vda", Outcome.SHRUNK);
        DiskRun oldAndSuperseded = run(NOON.minusSeconds(40), "vda", Outcome.NOTHING_TO_GAIN);
        DiskRun last = run(NOON.minusSeconds(30), "vda", Outcome.NOTHING_TO_GAIN);
        NightBegan oldNight = began(NOON.minusSeconds(60));
        NightBegan young = began(NOON);
        try (History history = History.open(directory)) {
            for (HistoryEntry entry : List.of(oldNight, oldShrunk, oldAndSuperseded, last, young)) {
                history.append(entry);
            }
            history.prune(NOON);
            assertEquals(List.of(oldShrunk, last, young), entries());
            history.append(began(NOON.plusSeconds(1)));
            assertEquals(4, entries().size());
            assertEquals(Optional.of(last), history.lastOfDisk(DOMAIN, "vda"));
        }
        assertFalse(Files.exists(directory.resolve("history.jsonl.new")));
    }

    @Test
    void pruningWithNothingToRemoveLeavesTheFileAsItIs() throws Exception {
        try (History history = History.open(directory)) {
            history.append(began(NOON));
            Object before = Files.getAttribute(file(), "unix:ino");
            history.prune(NOON.minusSeconds(1));
            assertEquals(before, Files.getAttribute(file(), "unix:ino"));
        }
    }

    @Test
    void hasOneWriter() throws Exception {
        try (History first = History.open(directory)) {
            first.append(began(NOON));
            IOException refused = assertThrows(IOException.class, () -> History.open(directory));
            assertTrue(refused.getMessage().contains("another virt-shrinkd"), refused::getMessage);
        }
        History.open(directory).close();
    }

    @Test
    void isForItsOwnerOnly() throws Exception {
        History.open(directory).close();
        assertEquals(0600, (int) Files.getAttribute(file(), "unix:mode") & 0777);
    }
}
