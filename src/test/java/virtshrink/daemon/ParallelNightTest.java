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
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.history.History;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.NightEnded;
import virtshrink.history.HistoryReader;
import virtshrink.schedule.Schedule;
import virtshrink.schedule.Selection;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.OriginalsPolicy;

/** Several domains at once. Barriers, not clocks, say that they really are. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class ParallelNightTest {
    private static final Instant DUE = Instant.parse("2026-11-22T01:30:00Z");

    @TempDir
    Path directory;

    private final ManualClock clock = new ManualClock("2026-11-22T01:30:00Z");
    private final CurrentWork current = new CurrentWork();
    private final Set<String> status = ConcurrentHashMap.newKeySet();
    private final AtomicInteger atOnce = new AtomicInteger();
    private final AtomicInteger mostAtOnce = new AtomicInteger();
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

    private void night(int disks, int disksPerDevice) {
        Schedule schedule = new Schedule(
                "nightly",
                "0 30 1 * * ?",
                ZoneId.of("UTC"),
                Optional.of(LocalTime.of(5, 30)),
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
        Workshop workshop = new Workshop(
                host, host, history, clock, current, FakeHost.neighbour(disks, disksPerDevice), status::add);
        new Night(workshop, "fake:///", schedule, DUE).run();
    }

    private List<HistoryEntry> entries() throws IOException {
        List<HistoryEntry> found = new ArrayList<>();
        HistoryReader.read(directory.resolve("history"), found::add);
        return found;
    }

    private Set<String> outcomes() throws IOException {
        Set<String> found = new TreeSet<>();
        for (HistoryEntry entry : entries()) {
            if (entry instanceof DiskRun run) {
                found.add(run.domain() + " " + run.outcome().contractName());
            }
        }
        return found;
    }

    private NightEnded end() throws IOException {
        return (NightEnded) entries().get(entries().size() - 1);
    }

    private void count(Runnable during) {
        mostAtOnce.accumulateAndGet(atOnce.incrementAndGet(), Math::max);
        during.run();
        atOnce.decrementAndGet();
    }

    private static void meet(CyclicBarrier barrier) {
        try {
            barrier.await(30, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertTrue(latch.await(30, TimeUnit.SECONDS));
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void worksOnAsManyDomainsAtOnceAsAllowedAndOnNoMore() throws Exception {
        for (String name : List.of("a", "b", "c", "d", "e", "f")) {
            host.add(name, 200);
        }
        // Only pairs get through.
        CyclicBarrier pair = new CyclicBarrier(2);
        host.duringRun = run -> count(() -> meet(pair));
        night(2, 2);
        assertEquals(2, mostAtOnce.get());
        assertEquals(Set.of("a shrunk", "b shrunk", "c shrunk", "d shrunk", "e shrunk", "f shrunk"), outcomes());
        assertEquals(12, host.runs.size());
        assertTrue(
                status.stream().anyMatch(line -> line.matches("nightly: \\w: estimate; \\w: estimate")),
                status::toString);
        assertTrue(end().reason().isEmpty());
    }

    @Test
    void oneDeviceHasOneAtATimeWhateverIsAllowedOverall() throws Exception {
        host.add("a", 200);
        host.add("b", 300);
        host.add("c", 400);
        host.duringRun = run -> count(() -> {});
        night(8, 1);
        assertEquals(1, mostAtOnce.get());
        assertEquals(List.of("a-vda?", "b-vda?", "c-vda?", "c-vda", "b-vda", "a-vda"), host.runs);
    }

    @Test
    void aDomainOnAnotherDeviceNeedNotWait() throws Exception {
        Path memory = Files.createTempDirectory(Path.of("/dev/shm"), "virt-shrink-test");
        try {
            host.add("disk1", 900);
            host.add("disk2", 800);
            host.addIn(memory, "memory", 700);
            CountDownLatch memoryRuns = new CountDownLatch(1);
            host.duringRun = run -> {
                if (run.equals("memory-vda")) {
                    memoryRuns.countDown();
                } else if (run.equals("disk1-vda")) {
                    // The second would be due, but not on this device.
                    await(memoryRuns);
                }
            };
            night(2, 1);
            // Which of the first two is seen first is chance; the third comes when the first has ended.
            List<String> shrinks =
                    host.runs.stream().filter(run -> !run.endsWith("?")).toList();
            assertEquals(Set.of("disk1-vda", "memory-vda"), Set.copyOf(shrinks.subList(0, 2)));
            assertEquals("disk2-vda", shrinks.get(2));
        } finally {
            Files.deleteIfExists(memory.resolve("memory-vda"));
            Files.delete(memory);
        }
    }

    @Test
    void theEndOfTheWindowCancelsAllThatRun() throws Exception {
        host.add("a", 200);
        host.add("b", 300);
        CyclicBarrier pair = new CyclicBarrier(2, () -> {
            if (host.runs.contains("a-vda") && host.runs.contains("b-vda")) {
                clock.advance(Duration.ofHours(4));
                current.tick(clock.instant());
            }
        });
        host.duringRun = run -> meet(pair);
        night(2, 2);
        assertEquals(Set.of("a yielded", "b yielded"), outcomes());
    }

    @Test
    void theEndOfTheDaemonCancelsAllThatRunAndStartsNothingNew() throws Exception {
        host.add("a", 200);
        host.add("b", 300);
        host.add("c", 100);
        CyclicBarrier pair = new CyclicBarrier(2, current::stop);
        host.duringRun = run -> {
            if (!run.endsWith("?")) {
                meet(pair);
            }
        };
        night(2, 2);
        assertEquals(Set.of("a yielded", "b yielded"), outcomes());
        assertEquals("the daemon is stopping", end().reason());
        assertEquals(List.of(), current.tasks());
    }

    @Test
    void aBrokenLibvirtEndsTheNightButNotWhatRuns() throws Exception {
        host.add("a", 200);
        host.add("b", 300);
        host.add("c", 100);
        CountDownLatch broken = new CountDownLatch(1);
        host.duringRun = run -> {
            if (run.equals("b-vda")) {
                host.brokenQuestions.set(1000);
                await(broken);
            }
        };
        host.onBrokenQuestion = broken::countDown;
        night(2, 2);
        assertTrue(outcomes().contains("b shrunk"), () -> host.runs.toString());
        assertEquals("the connection is broken", end().reason());
    }

    @Test
    void eachWorksOverAConnectionOfItsOwn() throws Exception {
        host.add("a", 200);
        host.add("b", 300);
        CyclicBarrier pair = new CyclicBarrier(2);
        host.duringRun = run -> meet(pair);
        night(2, 2);
        assertEquals(2, host.connections.get());
        assertEquals(2, host.closed.get());
    }

    @Test
    void anInternalErrorOfOneIsNotTheEndOfTheOthers() throws Exception {
        host.add("a", 200);
        host.add("b", 300);
        host.duringRun = run -> {
            if (run.equals("b-vda")) {
                throw new IllegalStateException("a bug");
            }
        };
        night(2, 2);
        assertEquals(Set.of("a shrunk"), outcomes());
        assertEquals("", end().reason());
    }
}
