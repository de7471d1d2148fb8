package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.history.History;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.Filesystem;
import virtshrink.history.HistoryEntry.NightBegan;
import virtshrink.shrink.Cause;
import virtshrink.shrink.FileSize;
import virtshrink.shrink.Outcome;

class HistoryCommandTest {
    private static final Instant LONG_AGO = Instant.parse("2026-01-05T12:00:00Z");

    @TempDir
    Path directory;

    private final Cli cli = new Cli();

    private static DiskRun run(Instant at, String domain, Outcome outcome, long after, String reason) {
        return new DiskRun(
                at,
                "nightly",
                domain,
                UUID.nameUUIDFromBytes(new byte[] {(byte) domain.length()}),
                "vda",
                Path.of("/srv/a.qcow2"),
                Cause.generalOf(outcome),
                reason,
                new FileSize(8 << 20, 8 << 20),
                new FileSize(after, after),
                0,
                0,
                Optional.empty(),
                Map.of(),
                List.of(),
                List.of());
    }

    @BeforeEach
    void fill() throws IOException {
        try (History history = History.open(directory)) {
            history.append(new NightBegan(LONG_AGO, "nightly", "rhythm", LONG_AGO));
            history.append(run(LONG_AGO, "web", Outcome.SHRUNK, 2 << 20, ""));
            history.append(run(
                    Instant.now().minus(Duration.ofHours(5)),
                    "db\u001b1",
                    Outcome.REFUSED,
                    8 << 20,
                    "the guest is hibernated"));
        }
    }

    private Cli.Result history(String arguments) {
        return cli.run(("history --directory " + directory + " " + arguments).strip());
    }

    @Test
    void showsEveryRunAndTheTotals() {
        Cli.Result result = history("");
        assertEquals(0, result.status());
        List<String> lines = result.out().lines().toList();
        assertEquals(6, lines.size(), result.out());
        assertTrue(
                lines.get(2).matches("2026-01-05 ..:00 +web +vda +shrunk +8.0 MiB +2.0 MiB +6.0 MiB +nightly"),
                lines.get(2));
        assertTrue(lines.get(3).matches(".* db\\?1 +vda +refused .* nightly +the guest is hibernated"), lines.get(3));
        assertEquals("2 runs, 1 shrunk, reclaimed in all  6.0 MiB", lines.get(5));
    }

    @Test
    void showsWhatEachFilesystemContributedOrWhyItWasLeftAlone() throws IOException {
        DiskRun plain = run(Instant.now(), "web", Outcome.SHRUNK, 2 << 20, "");
        try (History history = History.open(directory)) {
            history.append(new DiskRun(
                    plain.at(),
                    plain.schedule(),
                    plain.domain(),
                    plain.uuid(),
                    plain.target(),
                    plain.image(),
                    plain.cause(),
                    plain.reason(),
                    plain.before(),
                    plain.after(),
                    0,
                    0,
                    plain.seen(),
                    plain.phases(),
                    List.of(
                            new Filesystem("vda1", "ext4", "free-space", "", 6 << 20),
                            new Filesystem("vda2", "xfs", "unsupported", "there is no reader for it", 0)),
                    List.of()));
        }
        List<String> lines = history("--since 1h --filesystems").out().lines().toList();
        assertTrue(lines.get(3).matches(" +vda1 +free-space +ext4 +6.0 MiB reclaimable"), lines.get(3));
        assertTrue(lines.get(4).matches(" +vda2 +unsupported +xfs +there is no reader for it"), lines.get(4));
        assertEquals("1 run, 1 shrunk, reclaimed in all  6.0 MiB", lines.get(6));
        assertEquals(4, history("--since 1h").out().lines().toList().size() - 1);
    }

    @Test
    void showsOneDomainAndWhatIsRecent() {
        assertTrue(history("--domain web").out().endsWith("1 run, 1 shrunk, reclaimed in all  6.0 MiB\n"));
        assertTrue(history("--since 1d").out().endsWith("1 run, 0 shrunk, reclaimed in all  0 B\n"));
        assertEquals("no runs\n", history("--since 1h").out());
        assertTrue(history("--since 2026-01-05").out().contains("2 runs"));
    }

    @Test
    void printsOneJsonObject() throws IOException {
        Map<String, Object> json = history("--json").json();
        assertEquals(List.of("night-began", "disk", "disk"), entries(json, "entry"));
        assertEquals(Map.of("runs", 2, "shrunk", 1, "reclaimedBytes", 6 << 20), json.get("totals"));
        assertEquals(List.of("web"), entries(history("--json --domain web").json(), "domain"));
        assertEquals(List.of(), history("--json --since 1h").json().get("entries"));
    }

    private static List<Object> entries(Map<String, Object> json, String field) {
        return ((List<?>) json.get("entries"))
                .stream().<Object>map(entry -> ((Map<?, ?>) entry).get(field)).toList();
    }

    @Test
    void saysHowManyLinesItDoesNotUnderstand() throws IOException {
        Files.writeString(directory.resolve("history.jsonl"), "{\"damaged\":\n{\"torn\":", StandardOpenOption.APPEND);
        Cli.Result result = history("");
        assertEquals(0, result.status());
        assertTrue(result.err().contains("1 line of the history"), result.err());
        assertTrue(result.out().contains("2 runs"), result.out());
    }

    @Test
    void isEmptyWhereThereIsNone() {
        assertEquals(
                "no runs\n",
                cli.run("history --directory " + directory.resolve("absent")).out());
    }

    @Test
    void refusesTimesThatAreNone() {
        Cli.Result result = history("--since yesterday");
        assertEquals(2, result.status());
        assertTrue(result.err().contains("no date such as 2026-11-22"), result.err());
    }
}
