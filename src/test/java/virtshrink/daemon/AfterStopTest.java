package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import virtshrink.config.Configuration;
import virtshrink.config.ConfigurationFile;
import virtshrink.history.History;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryReader;
import virtshrink.libvirt.DomainChange;
import virtshrink.libvirt.DomainChange.Kind;
import virtshrink.policy.Schedules;
import virtshrink.shrink.Cause;
import virtshrink.shrink.Outcome;

/** Work after a shutdown, by a clock that is set. */
@Timeout(value = 30, unit = TimeUnit.SECONDS)
class AfterStopTest {
    private static final Duration DELAY = Duration.ofMinutes(10);

    @TempDir
    Path directory;

    private final ManualClock clock = new ManualClock("2026-11-22T14:00:00Z");
    private final CurrentWork current = new CurrentWork();
    private final AfterStop waiting = new AfterStop();
    private FakeHost host;
    private History history;
    private Configuration configuration;
    private AfterStopWork work;
    private DomainReactions reactions;

    @BeforeEach
    void prepare() throws Exception {
        host = new FakeHost(Files.createDirectory(directory.resolve("images")));
        history = History.open(directory.resolve("history"));
        work = new AfterStopWork(workshop(), waiting, () -> configuration, Runnable::run);
        reactions = new DomainReactions(current, waiting, () -> Schedules.of(configuration), clock);
        configure("after-stop-minutes = 10");
    }

    @AfterEach
    void close() throws IOException {
        history.close();
    }

    private Workshop workshop() {
        return new Workshop(host, host, history, clock, current, FakeHost.neighbour(1, 1), line -> {});
    }

    private void configure(String... lines) throws Exception {
        Path file = Files.writeString(
                directory.resolve("virt-shrinkd.toml"),
                "[schedule.nightly]\ncron = '0 30 1 * * ?'\ntime-zone = 'UTC'\nmin-reclaim = '100'\n"
                        + String.join("\n", lines));
        configuration = ConfigurationFile.read(file, Schedules.CHECKS);
    }

    private static UUID uuid(String name) {
        return UUID.nameUUIDFromBytes(name.getBytes(java.nio.charset.StandardCharsets.UTF_8));
    }

    private void happens(String name, Kind kind) {
        reactions.changed(new DomainChange(uuid(name), name, kind));
    }

    private void after(Duration time) {
        clock.advance(time);
        work.tick();
    }

    @Test
    void aDomainThatHasShutDownIsShrunkAfterTheDelayAndNotBefore() throws Exception {
        host.add("web", 200);
        host.add("other", 300);
        happens("web", Kind.SHUT_DOWN);
        after(DELAY.minusSeconds(1));
        assertEquals(List.of(), host.runs);
        after(Duration.ofSeconds(1));
        assertEquals(List.of("web-vda?", "web-vda"), host.runs);
        after(Duration.ofDays(1));
        assertEquals(List.of("web-vda?", "web-vda"), host.runs, "its turn comes once");
    }

    /** Else a night that was missed would not be made up for. */
    @Test
    void itsHistoryKnowsTheDiskAndNoNight() throws Exception {
        host.add("web", 200);
        happens("web", Kind.SHUT_DOWN);
        after(DELAY);
        List<HistoryEntry> entries = new ArrayList<>();
        HistoryReader.read(directory.resolve("history"), entries::add);
        assertEquals(1, entries.size(), entries::toString);
        assertEquals("web", ((DiskRun) entries.get(0)).domain());
        assertEquals(Optional.empty(), history.lastNight("nightly"));
    }

    @ParameterizedTest
    @EnumSource(
            value = Kind.class,
            names = {"RUNS", "UNDEFINED", "FAILED_TO_START", "STOPPED_OTHERWISE"})
    void aDomainThatDoesNotRestMeanwhileLosesItsTurn(Kind kind) throws IOException {
        host.add("web", 200);
        happens("web", Kind.SHUT_DOWN);
        happens("web", kind);
        after(DELAY);
        assertEquals(List.of(), host.runs);
    }

    @Test
    void theDelayBeginsAnewWithEachShutdown() throws IOException {
        host.add("web", 200);
        happens("web", Kind.SHUT_DOWN);
        after(Duration.ofMinutes(9));
        happens("web", Kind.RUNS);
        happens("web", Kind.SHUT_DOWN);
        after(Duration.ofMinutes(9));
        assertEquals(List.of(), host.runs);
        after(Duration.ofMinutes(1));
        assertEquals(List.of("web-vda?", "web-vda"), host.runs);
    }

    @Test
    void aChangedDefinitionChangesNothing() throws IOException {
        host.add("web", 200);
        happens("web", Kind.SHUT_DOWN);
        happens("web", Kind.DEFINED);
        after(DELAY);
        assertEquals(List.of("web-vda?", "web-vda"), host.runs);
    }

    @Test
    void onlyACleanShutdownCounts() throws IOException {
        host.add("web", 200);
        happens("web", Kind.STOPPED_OTHERWISE);
        after(DELAY);
        assertEquals(List.of(), host.runs);
    }

    @Test
    void aDomainThatTheScheduleIsNotForOrThatMustNotBeTouchedIsLeftAlone() throws Exception {
        configure("after-stop-minutes = 10", "exclude-names = ['test-*']");
        host.add("test-1", 200);
        host.addRefused("saved", "it has a managed save image");
        happens("test-1", Kind.SHUT_DOWN);
        happens("saved", Kind.SHUT_DOWN);
        happens("gone", Kind.SHUT_DOWN);
        after(DELAY);
        assertEquals(List.of(), host.runs);
    }

    @Test
    void withoutTheKeyNothingHappens() throws Exception {
        configure();
        host.add("web", 200);
        happens("web", Kind.SHUT_DOWN);
        after(Duration.ofDays(1));
        assertEquals(List.of(), host.runs);
    }

    @Test
    void aScheduleThatIsGoneMeanwhileWantsNothing() throws Exception {
        host.add("web", 200);
        happens("web", Kind.SHUT_DOWN);
        configuration = new Configuration(
                configuration.connect(),
                configuration.controlGroup(),
                configuration.history(),
                configuration.metrics(),
                configuration.limits(),
                List.of());
        after(DELAY);
        assertEquals(List.of(), host.runs);
    }

    @Test
    void aScheduleWithAWindowEndIsHeededOnlyInItsWindow() throws Exception {
        configure("after-stop-minutes = 10", "window-end = '05:30'");
        host.add("day", 200);
        host.add("night", 300);
        happens("day", Kind.SHUT_DOWN);
        after(DELAY);
        assertEquals(List.of(), host.runs, "14:10");

        clock.advance(Duration.ofHours(12));
        happens("night", Kind.SHUT_DOWN);
        after(DELAY);
        assertEquals(List.of("night-vda?", "night-vda"), host.runs, "02:20");
    }

    @Test
    void itsWorkIsCancelledAtTheEndOfThatWindow() throws Exception {
        configure("after-stop-minutes = 10", "window-end = '05:30'");
        clock.advance(Duration.ofHours(13));
        host.add("web", 200);
        host.duringRun = run -> {
            clock.advance(Duration.ofHours(2).plusMinutes(20));
            current.tick(clock.instant());
        };
        happens("web", Kind.SHUT_DOWN);
        after(DELAY);
        assertEquals(List.of("web-vda?"), host.runs);
    }

    /** When other work has kept it waiting: what has started again is not touched. */
    @Test
    void itsTurnIsLookedUpWhenTheWorkBeforeHasEnded() throws Exception {
        host.add("web", 200);
        AfterStopWork queued = new AfterStopWork(workshop(), waiting, () -> configuration, turn -> {
            happens("web", Kind.RUNS);
            turn.run();
        });
        happens("web", Kind.SHUT_DOWN);
        clock.advance(DELAY);
        queued.tick();
        assertEquals(List.of(), host.runs);
    }

    @ParameterizedTest
    @EnumSource(
            value = Kind.class,
            names = {"RUNS", "UNDEFINED", "FAILED_TO_START"})
    void workOnADomainThatComesToLifeIsCancelledAtOnce(Kind kind) throws Exception {
        host.add("web", 200);
        host.add("other", 300);
        List<String> told = new ArrayList<>();
        host.duringRun = run -> {
            if (run.equals("other-vda")) {
                happens("web", kind);
                assertFalse(current.cancel("web", Cause.DOMAIN_CHANGED, "nobody works on it"));
            } else if (run.equals("web-vda")) {
                happens("web", kind);
                told.add(run);
            }
        };
        new Night(workshop(), "fake:///", Schedules.of(configuration).get(0), clock.instant()).run();
        assertEquals(List.of("web-vda"), told);
        DiskRun web = history.lastOfDisk(uuid("web"), "vda").orElseThrow();
        assertEquals(Outcome.YIELDED, web.outcome());
        assertTrue(web.reason().startsWith("the domain web "), web::reason);
        assertEquals(
                Outcome.SHRUNK,
                history.lastOfDisk(uuid("other"), "vda").orElseThrow().outcome());
    }

    @ParameterizedTest
    @EnumSource(
            value = Kind.class,
            names = {"DEFINED", "SHUT_DOWN", "STOPPED_OTHERWISE"})
    void workGoesOnWhateverElseIsTold(Kind kind) throws Exception {
        host.add("web", 200);
        host.duringRun = run -> happens("web", kind);
        happens("web", Kind.SHUT_DOWN);
        after(DELAY);
        assertEquals(
                Outcome.SHRUNK,
                history.lastOfDisk(uuid("web"), "vda").orElseThrow().outcome());
    }

    /** Of a snapshot libvirt tells nothing. */
    @Test
    void workOnADomainThatIsNoLongerAtRestIsCancelledWhenLibvirtIsAsked() throws Exception {
        host.add("web", 200);
        host.duringRun = run -> {
            host.addRefused("web", "the domain web has 1 snapshot");
            try (DomainLink link = new DomainLink(workshop(), "fake:///", Duration.ZERO, Optional::empty)) {
                reactions.check(link);
            } catch (WorkOverException e) {
                throw new AssertionError(e);
            }
        };
        happens("web", Kind.SHUT_DOWN);
        after(DELAY);
        DiskRun web = history.lastOfDisk(uuid("web"), "vda").orElseThrow();
        assertEquals("the domain web has 1 snapshot", web.reason());
    }

    /** That is for the run itself to find out, before it replaces the image. */
    @Test
    void anAbsentLibvirtIsNoReasonToCancel() throws Exception {
        host.add("web", 200);
        host.duringRun = run -> {
            host.refusedConnections.set(1);
            try (DomainLink link = new DomainLink(workshop(), "fake:///", Duration.ZERO, Optional::empty)) {
                reactions.check(link);
            } catch (WorkOverException e) {
                throw new AssertionError(e);
            }
        };
        happens("web", Kind.SHUT_DOWN);
        after(DELAY);
        assertEquals(
                Outcome.SHRUNK,
                history.lastOfDisk(uuid("web"), "vda").orElseThrow().outcome());
    }
}
