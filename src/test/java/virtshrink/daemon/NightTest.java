package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.history.History;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.NightBegan;
import virtshrink.history.HistoryEntry.NightEnded;
import virtshrink.history.HistoryReader;
import virtshrink.schedule.Patterns;
import virtshrink.schedule.Schedule;
import virtshrink.schedule.Selection;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.OriginalsPolicy;
import virtshrink.shrink.Outcome;

@Timeout(value = 30, unit = TimeUnit.SECONDS)
class NightTest {
    private static final Instant DUE = Instant.parse("2026-11-22T01:30:00Z");
    private static final Selection NOT_TESTS =
            new Selection(new Patterns(List.of(), List.of("test-*")), Patterns.ALL, Patterns.ALL, Patterns.ALL);

    @TempDir
    Path directory;

    private final ManualClock clock = new ManualClock("2026-11-22T01:30:00Z");
    private final CurrentWork current = new CurrentWork();
    private final GoodNeighbour neighbour = FakeHost.neighbour(1, 1);
    private final List<String> status = Collections.synchronizedList(new ArrayList<>());
    private FakeHost host;
    private History history;

    @BeforeEach
    void prepare() throws IOException {
        host = new FakeHost(Files.createDirectory(directory.resolve("images")));
        history = History.open(directory.resolve("history"));
    }

    @AfterEach
    void close() throws IOException {
        history.close();
    }

    private static Schedule schedule(Selection selection, long minimumBytes, int minimumDays) {
        return new Schedule(
                "nightly",
                "0 30 1 * * ?",
                ZoneId.of("UTC"),
                Optional.of(LocalTime.of(5, 30)),
                Duration.ofMinutes(5),
                true,
                Optional.empty(),
                selection,
                new MinimumGain(minimumBytes, 0),
                Duration.ofDays(minimumDays),
                Duration.ZERO,
                true,
                false,
                false,
                OriginalsPolicy.STANDARD);
    }

    private void night() {
        night(schedule(NOT_TESTS, 100, 0));
    }

    private void night(Schedule schedule) {
        Workshop workshop = new Workshop(host, host, history, clock, current, neighbour, status::add);
        new Night(workshop, "fake:///", schedule, DUE).run();
    }

    private List<HistoryEntry> entries() throws IOException {
        List<HistoryEntry> found = new ArrayList<>();
        HistoryReader.read(directory.resolve("history"), found::add);
        return found;
    }

    private List<String> outcomes() throws IOException {
        return entries().stream()
                .filter(DiskRun.class::isInstance)
                .map(DiskRun.class::cast)
                .map(run ->
                        run.domain() + " " + run.target() + " " + run.outcome().contractName())
                .toList();
    }

    private NightEnded end() throws IOException {
        return (NightEnded) entries().get(entries().size() - 1);
    }

    @Test
    void estimatesAllThenShrinksTheLargestGainFirst() throws Exception {
        host.add("a", 200);
        host.add("b", 700);
        host.add("c", 50);
        host.add("test-1", 900);
        host.addRefused("running", "it is running");
        night();
        assertEquals(List.of("a-vda?", "b-vda?", "c-vda?", "b-vda", "a-vda"), host.runs);
        assertEquals(List.of("c vda nothing-to-gain", "b vda shrunk", "a vda shrunk"), outcomes());
        assertEquals(
                new NightBegan(DUE, "nightly", "0 30 1 * * ? UTC", DUE),
                entries().get(0));
        assertEquals(new NightEnded(DUE, "nightly", DUE, 4, 1, 0, 3, ""), end());
        assertEquals(List.of(host.image("b", "vda"), host.image("a", "vda")), host.refreshed);
        assertTrue(status.contains("nightly: b: estimate"), status::toString);
    }

    /** What it gives back is known only when it has been mounted; its turn comes last, and once. */
    @Test
    void aDiskToBeMountedHasItsTurnWhateverTheEstimate() throws Exception {
        host.add("a", 200);
        host.add("mountable", 0);
        night();
        assertEquals(List.of("a-vda?", "mountable-vda?", "a-vda", "mountable-vda"), host.runs);
        assertEquals(List.of("a vda shrunk", "mountable vda nothing-to-gain"), outcomes());
        host.runs.clear();
        night();
        assertEquals(List.of(), host.runs);
    }

    @Test
    void attachesNothingThatIsAsTheLastRunLeftIt() throws Exception {
        host.add("a", 200);
        host.add("b", 50);
        night();
        host.runs.clear();
        night();
        assertEquals(List.of(), host.runs);
        assertEquals(2, end().unchanged());

        Files.writeString(host.image("a", "vda"), "300");
        night();
        assertEquals(List.of("a-vda?", "a-vda"), host.runs);
    }

    @Test
    void looksAgainWhenTheThresholdAllowsMoreThanItDidThen() throws Exception {
        host.add("b", 50);
        night();
        host.runs.clear();
        night(schedule(NOT_TESTS, 40, 0));
        assertEquals(List.of("b-vda?", "b-vda"), host.runs);
    }

    @Test
    void leavesADomainThatWasShrunkTooRecently() throws Exception {
        host.add("a", 200);
        night();
        Files.writeString(host.image("a", "vda"), "300");
        host.runs.clear();
        clock.advance(Duration.ofDays(6));
        night(openEnded(7));
        assertEquals(List.of(), host.runs);
        assertEquals(1, end().leftAlone());
        clock.advance(Duration.ofDays(1));
        night(openEnded(7));
        assertEquals(List.of("a-vda?", "a-vda"), host.runs);
    }

    private static Schedule openEnded(int minimumDays) {
        return new Schedule(
                "nightly",
                "0 30 1 * * ?",
                ZoneId.of("UTC"),
                Optional.empty(),
                Duration.ZERO,
                true,
                Optional.empty(),
                NOT_TESTS,
                new MinimumGain(100, 0),
                Duration.ofDays(minimumDays),
                Duration.ZERO,
                true,
                false,
                false,
                OriginalsPolicy.STANDARD);
    }

    @Test
    void onlyLooksAtTheOtherDisksOfADomain() throws Exception {
        host.add("a", 200, 300);
        Selection firstDisks =
                new Selection(Patterns.ALL, Patterns.ALL, Patterns.ALL, new Patterns(List.of("*-vda"), List.of()));
        night(schedule(firstDisks, 100, 0));
        assertEquals(List.of("a-vda?", "a-vdb?", "a-vda", "a-vdb?"), host.runs);
        assertEquals(List.of("a vda shrunk"), outcomes());
    }

    @Test
    void runsAllDisksOfADomainIfOneIsWorthIt() throws Exception {
        host.add("a", 10, 300);
        night();
        assertEquals(List.of("a vda nothing-to-gain", "a vdb shrunk"), outcomes());
        host.runs.clear();
        night();
        assertEquals(List.of(), host.runs);
    }

    @Test
    void startsNothingNewShortlyBeforeTheEndOfTheWindow() throws Exception {
        host.add("a", 200);
        host.add("b", 700);
        host.duringRun = run -> {
            if (run.equals("b-vda")) {
                clock.advance(Duration.ofHours(3).plusMinutes(56));
            }
        };
        night();
        assertEquals(List.of("a-vda?", "b-vda?", "b-vda"), host.runs);
        assertEquals("the maintenance window is over", end().reason());
    }

    @Test
    void cancelsWhatStillRunsAtTheEndOfTheWindow() throws Exception {
        host.add("a", 200);
        host.duringRun = run -> {
            if (run.equals("a-vda")) {
                clock.advance(Duration.ofHours(3).plusMinutes(59));
                current.tick(clock.instant());
                clock.advance(Duration.ofMinutes(1));
                current.tick(clock.instant());
            }
        };
        night();
        assertEquals(List.of("a vda yielded"), outcomes());
        host.duringRun = run -> {};
        host.runs.clear();
        night(openEnded(0));
        assertEquals(List.of("a-vda?", "a-vda"), host.runs, "what has yielded is tried again");
    }

    @Test
    void leavesOutANightWhoseWindowIsOver() throws Exception {
        host.add("a", 200);
        clock.advance(Duration.ofHours(5));
        night();
        assertEquals(List.of(), host.runs);
        assertEquals(List.of(), entries());
    }

    @Test
    void endsAtOnceWhenTheDaemonStops() throws Exception {
        host.add("a", 200);
        host.add("b", 300);
        host.duringRun = run -> {
            if (run.equals("b-vda")) {
                current.stop();
            }
        };
        night();
        assertEquals(List.of("a-vda?", "b-vda?", "b-vda"), host.runs);
        assertEquals(List.of("b vda yielded"), outcomes());
        assertEquals("the daemon is stopping", end().reason());
    }

    @Test
    void leavesADomainThatHasVanishedOrStartedSinceTheEstimate() throws Exception {
        host.add("a", 200);
        host.add("b", 300);
        host.add("c", 400);
        host.duringRun = run -> {
            if (run.equals("c-vda")) {
                host.remove("a");
                host.addRefused("b", "it is running");
            }
        };
        night();
        assertEquals(List.of("c vda shrunk"), outcomes());
        assertEquals("", end().reason());
    }

    @Test
    void asksAgainOverANewConnectionWhenLibvirtWasRestarted() throws Exception {
        host.add("a", 200);
        host.duringRun = run -> {
            if (run.equals("a-vda?")) {
                host.brokenQuestions.set(1);
            }
        };
        night();
        assertEquals(List.of("a vda shrunk"), outcomes());
        assertEquals(2, host.connections.get());
    }

    @Test
    void waitsForAnAbsentLibvirt() throws Exception {
        host.add("a", 200);
        host.refusedConnections.set(1);
        night();
        assertEquals(List.of("a vda shrunk"), outcomes());
        assertTrue(status.contains("waiting for libvirt at fake:///"), status::toString);
    }

    @Test
    void givesUpOnALibvirtThatAlwaysFails() throws Exception {
        host.add("a", 200);
        host.brokenQuestions.set(1000);
        night();
        assertEquals(List.of(), host.runs);
        assertEquals("the connection is broken", end().reason());
    }

    @Test
    void aFailureOfOneDomainIsNotTheEndOfTheNight() throws Exception {
        host.add("a", 200);
        host.add("b", 300);
        host.duringRun = run -> {
            if (run.equals("b-vda")) {
                try {
                    Files.delete(host.image("b", "vda"));
                } catch (IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            }
        };
        night();
        assertEquals(List.of("b vda failed", "a vda shrunk"), outcomes());
        assertEquals(
                Outcome.FAILED,
                history.lastOfDisk(((DiskRun) entries().get(1)).uuid(), "vda")
                        .orElseThrow()
                        .outcome());
    }
}
