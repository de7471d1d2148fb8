package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.control.Answer;
import virtshrink.control.ControlServer;
import virtshrink.control.Conversation;
import virtshrink.control.Request;
import virtshrink.history.HistoryEntry;
import virtshrink.job.DomainJob;
import virtshrink.job.DomainJson;
import virtshrink.job.RunSettings;
import virtshrink.json.JsonFields;
import virtshrink.libvirt.DiskVerdict;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.Phase;
import virtshrink.shrink.ProgressListener;

/** The commands that speak to the daemon, with one at the other end of a real socket that answers from fakes. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class DaemonClientTest {
    private static final Path SYSTEM = Path.of("/images/system.qcow2");
    private static final Path DATA = Path.of("/images/data.qcow2");

    @TempDir
    Path directory;

    /** Asks the daemon. */
    private final Cli client = new Cli();

    /** What the daemon has behind it; also what a run without it would see. */
    private final Cli local = new Cli();

    private final List<Request> asked = new ArrayList<>();
    private Map<String, Object> state = new LinkedHashMap<>();
    private Optional<Answer.Refused> refusal = Optional.empty();
    private ControlServer server;

    @BeforeEach
    void start() throws IOException {
        Path socket = directory.resolve("control");
        server = ControlServer.start(socket, path -> {}, peer -> true, this::answer);
        client.collaborators.daemonSocket = Optional.of(socket);
    }

    @AfterEach
    void stop() throws IOException {
        server.close();
    }

    private void answer(Request request, Conversation conversation) {
        asked.add(request);
        if (refusal.isPresent()) {
            conversation.close(refusal.get());
        } else if (request instanceof Request.Status) {
            conversation.close(new Answer.Status(state));
        } else if (request instanceof Request.Cancel cancel) {
            conversation.close(
                    new Answer.Cancelled(cancel.domain().map(List::of).orElse(List.of())));
        } else if (request instanceof Request.Shrink shrink) {
            conversation.say(new Answer.Accepted());
            for (String name : shrink.domains()) {
                conversation.say(new Answer.Subject(name));
                conversation.say(new Answer.Result(DomainJson.result(run(shrink, name, conversation))));
            }
            conversation.close(new Answer.End());
        }
    }

    /** As the daemon does it. */
    private virtshrink.job.DomainResult run(Request.Shrink shrink, String name, Conversation conversation) {
        try {
            Domains domains = local.collaborators.domains(shrink.connect());
            Optional<DomainVerdict> verdict = domains.named(name);
            RunSettings settings = RunSettings.read(new JsonFields(shrink.settings()));
            Session session = new Session(local.collaborators, new TestScreen(false), local.stop, () -> 0);
            LocalRun surroundings = new LocalRun(session, domains, settings);
            return verdict.map(found ->
                            new DomainJob(surroundings, settings).run(found, spoken(conversation), new Cancellation()))
                    .orElseGet(() -> DomainJob.unknown(name));
        } catch (IOException | JsonFields.MissingFieldException e) {
            throw new AssertionError(e);
        }
    }

    private static ProgressListener spoken(Conversation conversation) {
        return new ProgressListener() {
            @Override
            public void phaseBegan(Phase phase) {
                conversation.say(new Answer.PhaseBegan(phase));
            }

            @Override
            public void advanced(long doneBytes, long totalBytes) {
                conversation.say(new Answer.Progress(doneBytes, totalBytes));
            }
        };
    }

    private void assertSameAsLocal(String arguments) {
        Cli.Result through = client.run(arguments);
        Cli.Result alone = local.run(arguments);
        assertEquals(alone, through);
        assertEquals(List.of(), client.collaborators.requests, "the client has run it itself");
        assertTrue(!asked.isEmpty());
    }

    @ParameterizedTest
    @EnumSource(Outcome.class)
    void showsTheSameAsARunWithoutTheDaemon(Outcome outcome) {
        local.collaborators.ending(outcome, outcome == Outcome.SHRUNK ? "" : "as told, with ä\u001b[2J");
        local.collaborators.verdicts.add(Samples.domain(
                "web",
                Samples.eligible("vda", SYSTEM),
                new DiskVerdict.Refused(Samples.disk("vdb", "disk", DATA), "another domain uses it"),
                new DiskVerdict.Refused(Samples.disk("sdc", "cdrom", DATA), "it is a cdrom")));
        assertSameAsLocal("domain web");
        assertSameAsLocal("domain --json web");
        assertSameAsLocal("domain --quiet web");
    }

    @ParameterizedTest
    @ValueSource(strings = {"domain web db", "domain --json web db nobody", "domain nobody", "domain --json refused"})
    void showsTheSameForSeveralForUnknownAndForRefusedDomains(String arguments) {
        local.collaborators.verdicts.add(Samples.domain("web", Samples.eligible("vda", SYSTEM)));
        local.collaborators.verdicts.add(Samples.domain("db", Samples.eligible("vda", DATA)));
        local.collaborators.verdicts.add(
                Samples.refusedDomain("refused", "the domain is running", Samples.disk("vda", "disk", SYSTEM)));
        assertSameAsLocal(arguments);
    }

    @Test
    void settingsReachTheDaemon() {
        client.run(
                "--connect qemu:///session domain --keep-original .bak --min-reclaim 5% --filler none --allow-rename --replay-journals web");
        Request.Shrink shrink = (Request.Shrink) asked.get(0);
        assertEquals("qemu:///session", shrink.connect());
        assertEquals(List.of("web"), shrink.domains());
        assertEquals(
                Map.of(
                        "dryRun",
                        false,
                        "keepOriginal",
                        ".bak",
                        "minReclaimBytes",
                        0,
                        "minReclaimPercent",
                        5.0,
                        "filler",
                        "none",
                        "allowRename",
                        true,
                        "replayJournals",
                        true),
                shrink.settings());
    }

    @Test
    void aDryRunIsDoneWithoutTheDaemon() {
        client.collaborators.verdicts.add(Samples.domain("web", Samples.eligible("vda", SYSTEM)));
        assertEquals(0, client.run("domain --dry-run web").status());
        assertEquals(List.of(), asked);
        assertEquals(List.of(), client.collaborators.remembered);
    }

    @ParameterizedTest
    @EnumSource(Answer.Why.class)
    void whatTheDaemonDoesNotTakeIsDoneWithoutIt(Answer.Why why) {
        refusal = Optional.of(new Answer.Refused(why, "no"));
        client.collaborators.verdicts.add(Samples.domain("web", Samples.eligible("vda", SYSTEM)));
        Cli.Result result = client.run("domain web");
        assertEquals(0, result.status(), result::toString);
        assertEquals(1, client.collaborators.requests.size());
        assertEquals(1, client.collaborators.remembered.size());
        assertEquals(
                HistoryEntry.ON_DEMAND, client.collaborators.remembered.get(0).schedule());
    }

    @Test
    void statusIsATableOrTheObjectItself() throws IOException {
        state.put("version", "1.2");
        state.put("uptimeSeconds", 90_061);
        state.put("connect", "qemu:///system");
        state.put("doing", "waiting for nightly at Mon 2090-01-02 01:30");
        state.put(
                "runs",
                List.of(Map.of(
                        "domain", "web",
                        "by", "on demand",
                        "since", Instant.now().toString(),
                        "state", "running",
                        "phase", "rebuild",
                        "percent", 40)));
        Map<String, Object> never = new LinkedHashMap<>();
        never.put("schedule", "weekly");
        never.put("next", null);
        never.put("last", null);
        state.put(
                "schedules",
                List.of(
                        Map.of(
                                "schedule", "nightly",
                                "next", "2090-01-02T00:30:00Z",
                                "last",
                                        Map.of(
                                                "due", "2089-12-31T00:30:00Z",
                                                "reason", "the maintenance window is over",
                                                "selected", 9,
                                                "leftAlone", 2,
                                                "unchanged", 3,
                                                "attempted", 4,
                                                "disksShrunk", 1,
                                                "disksFailed", 0,
                                                "reclaimedBytes", 1 << 30)),
                        never));
        Cli.Result table = client.run("status");
        assertEquals(0, table.status(), table::toString);
        for (String part : List.of(
                "virt-shrinkd 1.2  up 1 d 01 h",
                "now  waiting for nightly",
                "web     running  rebuild 40 %  on demand",
                "9 meant, 2 left alone, 3 unchanged, 4 looked at; ended early: the maintenance window is over",
                "1.0 GiB",
                "weekly    never")) {
            assertTrue(table.out().contains(part), part + " is not in\n" + table.out());
        }
        assertEquals("1.2", client.run("status --json").json().get("version"));
    }

    @Test
    void statusAndCancelSayWhenNoDaemonRuns() {
        client.collaborators.daemonSocket = Optional.empty();
        for (String command : List.of("status", "cancel", "cancel web")) {
            Cli.Result result = client.run(command);
            assertEquals(1, result.status());
            assertTrue(result.err().contains("no virt-shrinkd is running"), result::err);
        }
    }

    @Test
    void whoMayNotAskIsRefused() {
        refusal = Optional.of(new Answer.Refused(Answer.Why.NOT_PERMITTED, "user nobody may not ask virt-shrinkd"));
        Cli.Result result = client.run("status");
        assertEquals(3, result.status());
        assertEquals("virt-shrink: refused: user nobody may not ask virt-shrinkd\n", result.err());
    }

    @Test
    void cancelSaysWhatWasCancelled() throws IOException {
        assertEquals("cancelled  web\n", client.run("cancel web").out());
        assertEquals("nothing is running\n", client.run("cancel").out());
        assertEquals(List.of("web"), client.run("cancel --json web").json().get("cancelled"));
    }

    @Test
    void findsTheFirstDaemonThatListens() throws Exception {
        Path dead = Files.createDirectory(directory.resolve("dead"));
        java.nio.channels.ServerSocketChannel.open(java.net.StandardProtocolFamily.UNIX)
                .bind(java.net.UnixDomainSocketAddress.of(dead.resolve("control")))
                .close();
        DaemonSocket sockets = new DaemonSocket(List.of(directory.resolve("none"), dead, directory));
        try (var found = sockets.ask(new Request.Cancel(Optional.empty())).orElseThrow()) {
            assertEquals(Optional.of(new Answer.Cancelled(List.of())), found.next());
        }
        assertEquals(Optional.empty(), new DaemonSocket(List.of(dead)).ask(new Request.Status()));
    }
}
