package virtshrink.control;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.shrink.Phase;

/** A server with real clients, most of which mean no good. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
@SuppressWarnings("try") // some clients and servers are only there
class ControlServerTest {
    private static final Duration PATIENCE = Duration.ofMillis(800);

    @TempDir
    Path directory;

    private Path socket;
    private ControlServer server;

    /** What was asked for to be shrunk, and waits. */
    private final BlockingQueue<Conversation> shrinks = new LinkedBlockingQueue<>();

    @BeforeEach
    void start() throws IOException {
        socket = directory.resolve("control");
        server = ControlServer.start(socket, path -> {}, peer -> true, this::answer, PATIENCE);
    }

    @AfterEach
    void stop() throws IOException {
        server.close();
        assertFalse(Files.exists(socket));
        assertTrue(Thread.getAllStackTraces().keySet().stream()
                .noneMatch(thread -> thread.getName().equals("control") && thread.isAlive()));
    }

    private void answer(Request request, Conversation conversation) {
        if (request instanceof Request.Status) {
            conversation.close(new Answer.Status(Map.of("user", conversation.user())));
        } else if (request instanceof Request.Cancel) {
            throw new IllegalStateException("a fault of the daemon");
        } else {
            shrinks.add(conversation);
        }
    }

    private static Request shrink() {
        return new Request.Shrink("qemu:///system", List.of("web"), Map.of());
    }

    private Optional<Answer> ask(Request request) throws Exception {
        try (ControlClient client = ControlClient.ask(socket, request)) {
            return client.next();
        }
    }

    private void assertAnswers() throws Exception {
        assertEquals(
                Optional.of(new Answer.Status(Map.of("user", System.getProperty("user.name")))),
                ask(new Request.Status()));
    }

    /** Sends bytes as they are; everything that comes back before the end. */
    private String send(String text) throws IOException {
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            write(channel, text);
            return rest(channel);
        }
    }

    private static void write(SocketChannel channel, String text) {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.ISO_8859_1));
        try {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        } catch (IOException closed) {
            assertTrue(bytes.position() > 0, "nothing was taken");
        }
    }

    private static String rest(SocketChannel channel) {
        StringBuilder text = new StringBuilder();
        ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
        try {
            while (channel.read(buffer) >= 0) {
                text.append(StandardCharsets.UTF_8.decode(buffer.flip()));
                buffer.clear();
            }
        } catch (IOException reset) {
            return text.toString();
        }
        return text.toString();
    }

    private static long openDescriptors() throws IOException {
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
            return descriptors.count();
        }
    }

    @Test
    void answersWhoAsks() throws Exception {
        assertAnswers();
        assertAnswers();
    }

    @Test
    void refusesGarbageAndGoesOn() throws Exception {
        assertTrue(send("GET / HTTP/1.1\r\n\r\n").contains("\"why\":\"malformed\""));
        assertTrue(send("\n").contains("\"why\":\"malformed\""));
        assertTrue(send("\0\u00ff\u00fe\n").contains("it is not UTF-8"));
        assertTrue(send("{\"version\":9,\"request\":\"status\"}\n").contains("version 9"));
        assertTrue(send("x".repeat(1 << 20)).contains("at most 65536 bytes"));
        assertTrue(send("{\"version\":1,\"request\":\"status\"}\nmore").contains("for one request"));
        assertAnswers();
    }

    @Test
    void answersWhoClosesOnlyHisSendingHalf() throws Exception {
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            write(channel, "{\"version\":1,\"request\":\"status\"}\n");
            channel.shutdownOutput();
            assertTrue(rest(channel).contains("\"answer\":\"status\""));
        }
    }

    @Test
    void dropsWhoSendsHalfAMessageOrNone() throws Exception {
        long began = System.nanoTime();
        assertEquals("", send("{\"version\":1,"));
        assertEquals("", send(""));
        assertTrue(System.nanoTime() - began < TimeUnit.SECONDS.toNanos(10));
        try (SocketChannel vanishing = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            write(vanishing, "{\"ver");
        }
        assertAnswers();
    }

    @Test
    void aRequestThatComesByteByByteIsARequest() throws Exception {
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            for (byte next : RequestLine.of(new Request.Status())) {
                write(channel, String.valueOf((char) next));
            }
            assertTrue(rest(channel).contains("\"answer\":\"status\""));
        }
    }

    @Test
    void aThousandSilentConnectionsKeepNobodyOut() throws Exception {
        long before = openDescriptors();
        List<SocketChannel> silent = new ArrayList<>();
        try {
            for (int i = 0; i < 1000; i++) {
                SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
                silent.add(channel);
                if (i % 100 == 99) {
                    assertAnswers();
                }
            }
            long theirs = openDescriptors() - before - silent.size();
            assertTrue(theirs <= ControlServer.MOST_CLIENTS + 2, "the server holds " + theirs + " descriptors");
            assertEquals(
                    1,
                    Thread.getAllStackTraces().keySet().stream()
                            .filter(thread -> thread.getName().equals("control"))
                            .count());
        } finally {
            for (SocketChannel channel : silent) {
                channel.close();
            }
        }
        assertAnswers();
    }

    @Test
    void whoAskedKeepsHisPlaceAndWhoComesTooLateIsTold() throws Exception {
        List<ControlClient> waiting = new ArrayList<>();
        try {
            for (int i = 0; i < ControlServer.MOST_CLIENTS; i++) {
                waiting.add(ControlClient.ask(socket, shrink()));
                shrinks.take();
            }
            assertEquals(
                    Optional.of(new Answer.Refused(Answer.Why.BUSY, "too many clients wait for virt-shrinkd")),
                    ask(new Request.Status()));
        } finally {
            for (ControlClient client : waiting) {
                client.close();
            }
        }
    }

    @Test
    void tellsWhenAClientHasGone() throws Exception {
        CountDownLatch gone = new CountDownLatch(1);
        Conversation conversation;
        try (ControlClient client = ControlClient.ask(socket, shrink())) {
            conversation = shrinks.take();
            conversation.whenGone(gone::countDown);
            conversation.say(new Answer.Accepted());
            assertEquals(Optional.of(new Answer.Accepted()), client.next());
            assertEquals(1, gone.getCount());
        }
        assertTrue(gone.await(10, TimeUnit.SECONDS));
        conversation.say(new Answer.Subject("nobody hears it"));
        conversation.close(new Answer.End());
        CountDownLatch late = new CountDownLatch(1);
        conversation.whenGone(late::countDown);
        assertEquals(0, late.getCount());
        assertAnswers();
    }

    @Test
    void whoTakesHisRequestBackStillHearsWhatBecameOfIt() throws Exception {
        CountDownLatch gone = new CountDownLatch(1);
        try (ControlClient client = ControlClient.ask(socket, shrink())) {
            Conversation conversation = shrinks.take();
            conversation.whenGone(gone::countDown);
            client.takeBack();
            assertTrue(gone.await(10, TimeUnit.SECONDS));
            conversation.say(new Answer.Result(Map.of("outcome", "yielded")));
            conversation.close(new Answer.End());
            assertEquals(Optional.of(new Answer.Result(Map.of("outcome", "yielded"))), client.next());
            assertEquals(Optional.of(new Answer.End()), client.next());
            assertEquals(Optional.empty(), client.next());
        }
    }

    @Test
    void whoGoesOnTalkingIsGone() throws Exception {
        CountDownLatch gone = new CountDownLatch(1);
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            write(channel, new String(RequestLine.of(shrink()), StandardCharsets.ISO_8859_1));
            shrinks.take().whenGone(gone::countDown);
            write(channel, "and another thing");
            assertTrue(gone.await(10, TimeUnit.SECONDS));
            assertTrue(rest(channel).contains("for one request"));
        }
    }

    @Test
    void whoDoesNotReadMissesProgressAndIsDroppedWhenMoreThanThatWaits() throws Exception {
        CountDownLatch gone = new CountDownLatch(1);
        try (ControlClient client = ControlClient.ask(socket, shrink())) {
            Conversation conversation = shrinks.take();
            conversation.whenGone(gone::countDown);
            for (int i = 0; i < 100_000; i++) {
                conversation.say(new Answer.Progress(i, 100_000));
            }
            conversation.say(new Answer.PhaseBegan(Phase.SWAP));
            assertAnswers();
            assertEquals(1, gone.getCount(), "progress alone drops nobody");
            String large = "x".repeat(1 << 20);
            for (int i = 0; i < 10; i++) {
                conversation.say(new Answer.Result(Map.of("text", large)));
            }
            assertTrue(gone.await(10, TimeUnit.SECONDS));
        }
        assertAnswers();
    }

    @Test
    void aFaultOfTheDaemonIsAnAnswer() throws Exception {
        Answer.Refused refused =
                (Answer.Refused) ask(new Request.Cancel(Optional.empty())).orElseThrow();
        assertEquals(Answer.Why.FAILED, refused.why());
        assertAnswers();
    }

    @Test
    void replacesADeadSocketButNotALivingOne() throws Exception {
        IOException living = assertThrows(
                IOException.class, () -> ControlServer.start(socket, path -> {}, peer -> true, this::answer));
        assertTrue(living.getMessage().contains("another virt-shrinkd listens"), living::getMessage);
        assertAnswers();

        Path dead = directory.resolve("dead");
        java.nio.channels.ServerSocketChannel.open(java.net.StandardProtocolFamily.UNIX)
                .bind(UnixDomainSocketAddress.of(dead))
                .close();
        assertTrue(Files.exists(dead));
        try (ControlServer second = ControlServer.start(dead, path -> {}, peer -> true, this::answer)) {
            try (ControlClient client = ControlClient.ask(dead, new Request.Status())) {
                assertTrue(client.next().isPresent());
            }
        }
    }

    @Test
    void hearsItOutBeforeItCloses() throws Exception {
        try (ControlClient client = ControlClient.ask(socket, shrink())) {
            Conversation conversation = shrinks.take();
            conversation.say(new Answer.Result(Map.of("text", "x".repeat(100_000))));
            conversation.close(new Answer.End());
            server.close();
            assertTrue(client.next().orElseThrow() instanceof Answer.Result);
            assertEquals(Optional.of(new Answer.End()), client.next());
        }
    }

    @Test
    void turnsAwayAnotherUserWhateverTheModeOfTheSocket() throws Exception {
        assumeTrue("root".equals(System.getProperty("user.name")), "needs root, to become somebody else");
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/setpriv")), "needs setpriv (package util-linux)");
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/python3")), "needs python3");
        Path open = Files.createTempDirectory(Path.of("/tmp"), "virt-shrink-control");
        Path path = open.resolve("control");
        try (ControlServer strict = ControlServer.start(
                path,
                fresh -> {
                    Files.setPosixFilePermissions(fresh, PosixFilePermissions.fromString("rw-rw-rw-"));
                    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxr-xr-x"));
                },
                peer -> peer.user().getName().equals("root"),
                this::answer)) {
            String program = """
                    import socket, sys
                    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                    s.connect(sys.argv[1])
                    print(s.makefile().read())
                    """;
            Process child = new ProcessBuilder(
                            "setpriv",
                            "--reuid=65534",
                            "--regid=65534",
                            "--clear-groups",
                            "/usr/bin/python3",
                            "-c",
                            program,
                            path.toString())
                    .redirectErrorStream(true)
                    .start();
            String said = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertEquals(0, child.waitFor(), said);
            assertTrue(said.contains("\"why\":\"not-permitted\""), said);
            assertTrue(said.contains("user nobody may not ask"), said);
            try (ControlClient client = ControlClient.ask(path, new Request.Status())) {
                assertTrue(client.next().orElseThrow() instanceof Answer.Status);
            }
        }
        Files.delete(open);
    }
}
