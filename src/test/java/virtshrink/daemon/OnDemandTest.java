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
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.control.Answer;
import virtshrink.control.Conversation;
import virtshrink.control.Request;
import virtshrink.history.History;
import virtshrink.history.HistoryEntry.NightEnded;
import virtshrink.history.HistoryReader;
import virtshrink.job.RunSettings;
import virtshrink.schedule.Patterns;
import virtshrink.schedule.Schedule;
import virtshrink.schedule.Selection;
import virtshrink.shrink.Cause;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.OriginalsPolicy;
import virtshrink.shrink.Phase;
import virtshrink.shrink.ShrinkRequest.Filler;

/** Runs that somebody asks for, alone and beside a night; the pipeline only pretends. */
@Timeout(value = 30, unit = TimeUnit.SECONDS)
class OnDemandTest {
    private static final String URI = "fake:///";
    private static final Instant DUE = Instant.parse("2026-11-22T01:30:00Z");
    private static final RunSettings PLAIN =
            new RunSettings(false, Optional.empty(), Optional.empty(), Filler.AUTO, false, false);

    @TempDir
    Path directory;

    private final ManualClock clock = new ManualClock("2026-11-22T01:30:00Z");
    private final CurrentWork current = new CurrentWork();
    private final WorkBoard board = new WorkBoard(clock);
    private final CountDownLatch reached = new CountDownLatch(1);
    private final CountDownLatch goOn = new CountDownLatch(1);
    private FakeHost host;
    private History history;
    private Workshop workshop;
    private OnDemand onDemand;
    private ControlDesk desk;

    @BeforeEach
    void prepare() throws IOException {
        host = new FakeHost(Files.createDirectory(directory.resolve("images")));
        history = History.open(directory.resolve("history"));
        workshop = new Workshop(
                host,
                board.listed(host, current::schedule),
                history,
                clock,
                current,
                FakeHost.neighbour(1, 1),
                line -> {});
        onDemand = new OnDemand(workshop, host, board, () -> {});
        desk = new ControlDesk(current, board, onDemand, () -> URI, Map::of);
    }

    @AfterEach
    void close() throws Exception {
        goOn.countDown();
        onDemand.stop(Duration.ofSeconds(10));
        history.close();
        assertEquals(List.of(), board.json());
    }

    /** One who asks, and keeps what he is told. */
    private static final class Asker implements Conversation {
        private final BlockingQueue<Answer> answers = new LinkedBlockingQueue<>();
        private final List<Runnable> gone = new ArrayList<>();

        @Override
        public String user() {
            return "somebody";
        }

        @Override
        public void say(Answer answer) {
            answers.add(answer);
        }

        @Override
        public void close(Answer last) {
            answers.add(last);
        }

        @Override
        public synchronized void whenGone(Runnable action) {
            gone.add(action);
        }

        synchronized void leave() {
            gone.forEach(Runnable::run);
        }

        /** The outcomes of all domains, or the refusal. */
        List<String> outcomes() throws InterruptedException {
            List<String> found = new ArrayList<>();
            while (true) {
                Answer answer = answers.take();
                if (answer instanceof Answer.Result result) {
                    Map<String, Object> json = result.result();
                    Object disk = json.get("disks") instanceof List<?> disks && !disks.isEmpty() ? disks.get(0) : json;
                    found.add(json.get("domain") + " " + json.get("outcome") + " " + ((Map<?, ?>) disk).get("reason"));
                } else if (answer instanceof Answer.Refused refused) {
                    found.add(refused.why() + " " + refused.reason());
                    return found;
                } else if (answer instanceof Answer.End) {
                    return found;
                }
            }
        }
    }

    private Asker ask(String... domains) {
        Asker asker = new Asker();
        desk.answer(new Request.Shrink(URI, List.of(domains), PLAIN.toJson()), asker);
        return asker;
    }

    private void cancel(String... name) {
        desk.answer(new Request.Cancel(List.of(name).stream().findFirst()), new Asker());
    }

    /** Holds the run of that name until the test says so. */
    private void holdRun(String run) {
        host.duringRun = name -> {
            if (name.equals(run)) {
                reached.countDown();
                try {
                    goOn.await();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            }
        };
    }

    private Thread night() {
        Schedule schedule = new Schedule(
                "nightly",
                "0 30 1 * * ?",
                ZoneId.of("UTC"),
                Optional.of(LocalTime.of(5, 30)),
                Duration.ofMinutes(5),
                true,
                Optional.empty(),
                new Selection(Patterns.ALL, Patterns.ALL, Patterns.ALL, Patterns.ALL),
                new MinimumGain(100, 0),
                Duration.ZERO,
                Duration.ZERO,
                true,
                false,
                false,
                OriginalsPolicy.STANDARD);
        Thread thread = new Thread(() -> new Night(workshop, URI, schedule, DUE).run());
        thread.start();
        return thread;
    }

    private List<NightEnded> nights() throws IOException {
        List<NightEnded> found = new ArrayList<>();
        HistoryReader.read(directory.resolve("history"), entry -> {
            if (entry instanceof NightEnded night) {
                found.add(night);
            }
        });
        return found;
    }

    @Test
    void shrinksWhatIsAskedForInOrderAndRemembersIt() throws Exception {
        host.add("a", 200);
        host.add("b", 300);
        host.addRefused("running", "it is running");
        assertEquals(
                List.of(
                        "b shrunk ",
                        "running refused it is running",
                        "nobody failed there is no domain of this name",
                        "a shrunk "),
                ask("b", "running", "nobody", "a").outcomes());
        assertEquals(List.of("b-vda", "a-vda"), host.runs);
        assertEquals(List.of(host.image("b", "vda"), host.image("a", "vda")), host.refreshed);
        assertEquals(
                "on demand",
                history.lastOfDisk(
                                java.util.UUID.nameUUIDFromBytes("a".getBytes(java.nio.charset.StandardCharsets.UTF_8)),
                                "vda")
                        .orElseThrow()
                        .schedule());
    }

    /** Asks for a domain while a run is held, and waits until only that keeps it from its turn. */
    private Asker askAndWaitForTheTurn(String domain) {
        Asker asker = ask(domain);
        while (Thread.getAllStackTraces().entrySet().stream()
                .noneMatch(thread -> thread.getKey().getName().equals("on-demand")
                        && List.of(thread.getValue()).toString().contains("DiskSlots.takeUrgently"))) {
            Thread.onSpinWait();
        }
        return asker;
    }

    @Test
    void comesBetweenTwoDomainsOfANight() throws Exception {
        host.add("a", 200);
        host.add("b", 300);
        host.add("c", 400);
        holdRun("a-vda?");
        Thread night = night();
        reached.await();
        Asker asker = askAndWaitForTheTurn("c");
        goOn.countDown();
        assertEquals(List.of("c shrunk "), asker.outcomes());
        night.join();
        assertEquals(List.of("a-vda?", "c-vda", "b-vda?"), host.runs.subList(0, 3));
        assertEquals("", nights().get(0).reason());
    }

    @Test
    void theWindowOfANightIsNotTheirs() throws Exception {
        host.add("a", 200);
        host.add("c", 400);
        holdRun("a-vda?");
        Thread night = night();
        reached.await();
        Asker asker = askAndWaitForTheTurn("c");
        clock.advance(Duration.ofHours(12));
        current.tick(clock.instant());
        goOn.countDown();
        assertEquals(List.of("c shrunk "), asker.outcomes());
        night.join();
        assertEquals(List.of("a-vda?", "c-vda"), host.runs);
        assertEquals(CurrentWork.WINDOW_OVER, nights().get(0).reason());
    }

    @Test
    void cancellingAllEndsTheNightToo() throws Exception {
        host.add("a", 200);
        host.add("b", 300);
        holdRun("a-vda?");
        Thread night = night();
        reached.await();
        assertEquals("nightly", board.json().get(0).get("by"));
        cancel();
        goOn.countDown();
        night.join();
        assertEquals(List.of("a-vda?"), host.runs);
        assertEquals("cancelled by somebody", nights().get(0).reason());
    }

    @Test
    void cancellingOneDomainLeavesTheOthers() throws Exception {
        host.add("a", 200);
        host.add("b", 300);
        host.add("c", 400);
        holdRun("a-vda");
        Asker asker = ask("a", "b", "c");
        reached.await();
        assertEquals(List.of("running", "waiting", "waiting"), states());
        cancel("b");
        goOn.countDown();
        assertEquals(List.of("a shrunk ", "b yielded cancelled by somebody", "c shrunk "), asker.outcomes());
        assertEquals(List.of("a-vda", "c-vda"), host.runs);
    }

    private List<Object> states() {
        return board.json().stream().map(run -> run.get("state")).toList();
    }

    @Test
    void whoLeavesTakesAllHisRunsBackButNotThoseOfOthers() throws Exception {
        host.add("a", 200);
        host.add("b", 300);
        host.add("c", 400);
        holdRun("a-vda");
        Asker leaving = ask("a", "b");
        reached.await();
        Asker other = ask("c");
        leaving.leave();
        goOn.countDown();
        assertEquals(List.of("a yielded interrupted", "b yielded interrupted"), leaving.outcomes());
        assertEquals(List.of("c shrunk "), other.outcomes());
    }

    @Test
    void aDaemonThatStopsEndsThemAndTakesNoMore() throws Exception {
        host.add("a", 200);
        holdRun("a-vda");
        Asker asker = ask("a");
        reached.await();
        current.stop();
        board.cancel(Optional.empty(), Cause.DAEMON_STOPS, CurrentWork.STOPPING);
        goOn.countDown();
        assertEquals(List.of("a yielded " + CurrentWork.STOPPING), asker.outcomes());
        assertEquals(List.of("NOT_MINE " + CurrentWork.STOPPING), ask("a").outcomes());
    }

    @Test
    void anErrorOfTheJavaMachineIsAnAnswerAndTheNextIsServed() throws Exception {
        host.add("a", 200);
        host.add("b", 300);
        host.duringRun = name -> {
            if (name.equals("a-vda")) {
                throw new LinkageError("provoked by a test");
            }
        };
        assertEquals(
                List.of("FAILED the daemon could not go on; see its log"),
                ask("a", "b").outcomes());
        assertEquals(List.of("b shrunk "), ask("b").outcomes());
    }

    @Test
    void libvirtThatFailsForGoodIsAnAnswer() throws Exception {
        host.add("a", 200);
        host.brokenQuestions.set(100);
        assertEquals(List.of("FAILED the connection is broken"), ask("a").outcomes());
        host.brokenQuestions.set(0);
        assertEquals(List.of("a shrunk "), ask("a").outcomes());
    }

    @Test
    void whatIsNotUnderstoodOrForAnotherHypervisorIsTurnedAway() throws Exception {
        Asker asker = new Asker();
        desk.answer(new Request.Shrink("other:///", List.of("a"), PLAIN.toJson()), asker);
        assertEquals(List.of("NOT_MINE the daemon works on the domains of fake:///"), asker.outcomes());

        Asker malformed = new Asker();
        desk.answer(new Request.Shrink(URI, List.of("a"), Map.of("dryRun", "yes")), malformed);
        assertEquals(List.of("MALFORMED the settings are not understood: dryRun"), malformed.outcomes());

        Asker traversing = new Asker();
        Map<String, Object> settings = new java.util.LinkedHashMap<>(PLAIN.toJson());
        settings.put("keepOriginal", "/../../../etc/shadow");
        desk.answer(new Request.Shrink(URI, List.of("a"), settings), traversing);
        assertTrue(traversing.outcomes().get(0).startsWith("MALFORMED"));
        assertEquals(List.of(), host.runs);
    }

    @Test
    void theClientHearsWhatHappens() throws Exception {
        host.add("a", 200);
        Asker asker = ask("a");
        assertEquals(new Answer.Accepted(), asker.answers.take());
        assertEquals(new Answer.Subject("a"), asker.answers.take());
        assertEquals(new Answer.PhaseBegan(Phase.ESTIMATE), asker.answers.take());
        assertEquals(List.of("a shrunk "), asker.outcomes());
    }
}
