package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.config.LimitSettings;
import virtshrink.history.History;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryEntry.NightEnded;
import virtshrink.history.HistoryReader;
import virtshrink.schedule.Schedule;
import virtshrink.schedule.Selection;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.OriginalsPolicy;
import virtshrink.shrink.SpaceReserve;

/** What becomes of a night on a host that has other things to do. Each look at the load takes a minute of the test's clock. */
@Timeout(value = 30, unit = TimeUnit.SECONDS)
class BusyHostTest {
    private static final Instant DUE = Instant.parse("2026-11-22T01:30:00Z");

    @TempDir
    Path directory;

    private final ManualClock clock = new ManualClock("2026-11-22T01:30:00Z");
    private final CurrentWork current = new CurrentWork();
    private final List<String> status = Collections.synchronizedList(new ArrayList<>());
    private final Load load = new Load();
    private FakeHost host;
    private History history;

    /** Tells prepared figures and then repeats the last one. */
    private final class Load implements HostLoad {
        private final Deque<OptionalDouble> pressures = new ArrayDeque<>(List.of(OptionalDouble.of(0)));
        private OptionalDouble perProcessor = OptionalDouble.of(0);

        void pressures(double... percent) {
            pressures.clear();
            for (double figure : percent) {
                pressures.add(OptionalDouble.of(figure));
            }
        }

        @Override
        public OptionalDouble perProcessor() {
            return perProcessor;
        }

        @Override
        public OptionalDouble ioPressure() {
            clock.advance(Duration.ofMinutes(1));
            return pressures.size() > 1 ? pressures.remove() : pressures.element();
        }
    }

    @BeforeEach
    void prepare() throws IOException {
        host = new FakeHost(Files.createDirectory(directory.resolve("images")));
        history = History.open(directory.resolve("history"));
        host.add("a", 200);
    }

    @AfterEach
    void close() throws IOException {
        history.close();
    }

    private static LimitSettings limits(OptionalDouble maxLoad, OptionalDouble maxPressure) {
        return new LimitSettings(1, 1, OptionalLong.empty(), SpaceReserve.STANDARD, maxLoad, maxPressure);
    }

    private GoodNeighbour neighbour(OptionalDouble maxLoad, OptionalDouble maxPressure) {
        return new GoodNeighbour(limits(maxLoad, maxPressure), load, Duration.ofNanos(1));
    }

    private void night(GoodNeighbour neighbour, Optional<LocalTime> windowEnd) {
        Schedule schedule = new Schedule(
                "nightly",
                "0 30 1 * * ?",
                ZoneId.of("UTC"),
                windowEnd,
                Duration.ofMinutes(5),
                true,
                Optional.empty(),
                Selection.ALL,
                new MinimumGain(100, 0),
                Duration.ZERO,
                Duration.ZERO,
                true,
                false,
                false,
                OriginalsPolicy.STANDARD);
        Workshop workshop = new Workshop(host, host, history, clock, current, neighbour, status::add);
        new Night(workshop, "fake:///", schedule, DUE).run();
    }

    private String reason() throws IOException {
        List<HistoryEntry> found = new ArrayList<>();
        HistoryReader.read(directory.resolve("history"), found::add);
        return ((NightEnded) found.get(found.size() - 1)).reason();
    }

    @Test
    void waitsUntilTheDisksHaveLessToDo() throws Exception {
        load.pressures(0, 60.5, 60, 10);
        night(neighbour(OptionalDouble.empty(), OptionalDouble.of(50)), Optional.empty());
        assertEquals(List.of("a-vda?", "a-vda"), host.runs);
        assertEquals("", reason());
        assertTrue(
                status.contains("nightly: waiting: the host is busy: its I/O pressure in percent is 60.50, above 50.0"),
                status::toString);
        assertFalse(status.get(status.size() - 1).contains("waiting"), status::toString);
    }

    @Test
    void givesUpAfterAnHourWhereNoWindowEndsTheWaiting() throws Exception {
        load.pressures(0, 60);
        night(neighbour(OptionalDouble.empty(), OptionalDouble.of(50)), Optional.empty());
        assertEquals(List.of("a-vda?"), host.runs);
        assertEquals(
                "the host is busy: its I/O pressure in percent is 60.00, above 50.0, and has been for an hour",
                reason());
        assertEquals(DUE.plus(Duration.ofMinutes(62)), clock.instant());
    }

    @Test
    void waitsUntilTheEndOfTheWindow() throws Exception {
        load.pressures(60);
        night(neighbour(OptionalDouble.empty(), OptionalDouble.of(50)), Optional.of(LocalTime.of(5, 30)));
        assertEquals(List.of(), host.runs);
        assertEquals("the maintenance window is over", reason());
        assertEquals(Instant.parse("2026-11-22T05:25:00Z"), clock.instant());
    }

    @Test
    void heedsTheLoadOfTheProcessors() {
        load.perProcessor = OptionalDouble.of(0.8);
        GoodNeighbour neighbour = neighbour(OptionalDouble.of(0.75), OptionalDouble.empty());
        assertEquals(
                Optional.of("the host is busy: its load for each processor is 0.80, above 0.75"), neighbour.whyWait());
        neighbour.follow(limits(OptionalDouble.of(0.8), OptionalDouble.empty()));
        assertEquals(Optional.empty(), neighbour.whyWait());
    }

    @Test
    void aKernelThatDoesNotTellDisablesTheRule() throws Exception {
        load.pressures.clear();
        load.pressures.add(OptionalDouble.empty());
        night(neighbour(OptionalDouble.empty(), OptionalDouble.of(50)), Optional.empty());
        assertEquals(List.of("a-vda?", "a-vda"), host.runs);
    }

    @Test
    void readsWhatTheKernelTells() throws IOException {
        Files.writeString(directory.resolve("loadavg"), "3.50 1.00 0.50 2/345 6789\n");
        Files.createDirectory(directory.resolve("pressure"));
        Files.writeString(directory.resolve("pressure/io"), """
                some avg10=16.08 avg60=19.59 avg300=6.37 total=815736591
                full avg10=9.79 avg60=8.95 avg300=2.69 total=186279839
                """);
        KernelLoad kernel = new KernelLoad(directory);
        assertEquals(OptionalDouble.of(16.08), kernel.ioPressure());
        assertEquals(
                3.5 / Runtime.getRuntime().availableProcessors(),
                kernel.perProcessor().orElseThrow(),
                1e-9);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "\n", "some", "some avg10=x", "full avg10=9.79 avg60=8.95", "some avg10=99999 avg60=0"})
    void takesNothingElseForAPressure(String text) throws IOException {
        Files.createDirectory(directory.resolve("pressure"));
        Files.writeString(directory.resolve("pressure/io"), text);
        assertEquals(OptionalDouble.empty(), new KernelLoad(directory).ioPressure());
    }

    @Test
    void aKernelWithoutPressureTellsNone() {
        assertEquals(OptionalDouble.empty(), new KernelLoad(directory).ioPressure());
        assertEquals(OptionalDouble.empty(), new KernelLoad(directory).perProcessor());
    }

    @Test
    void readsTheRealFigures() {
        assertTrue(new KernelLoad(Path.of("/proc")).perProcessor().orElseThrow() >= 0);
    }
}
