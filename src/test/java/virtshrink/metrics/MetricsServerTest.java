package virtshrink.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
class MetricsServerTest {
    private static final String FIGURES = "figure 1\n".repeat(200_000);
    private static final InetSocketAddress ANY_PORT = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);

    @TempDir
    Path directory;

    private final List<AutoCloseable> open = new ArrayList<>();

    private MetricsServer start(SocketAddress address) throws IOException {
        MetricsServer server =
                MetricsServer.start(address, new Answers(() -> FIGURES.getBytes(StandardCharsets.UTF_8)));
        open.add(server);
        return server;
    }

    private UnixDomainSocketAddress socket() {
        return UnixDomainSocketAddress.of(directory.resolve("metrics"));
    }

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable resource : open) {
            resource.close();
        }
    }

    private static String ask(SocketAddress address, String request) throws IOException {
        try (SocketChannel channel = SocketChannel.open(address)) {
            channel.write(ByteBuffer.wrap(request.getBytes(StandardCharsets.ISO_8859_1)));
            return new String(Channels.newInputStream(channel).readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static String firstLine(String answer) {
        return answer.lines().findFirst().orElse("");
    }

    @Test
    void anOrdinaryClientReadsTheFiguresOnALoopbackPort() throws Exception {
        InetSocketAddress address = (InetSocketAddress) start(ANY_PORT).address();
        HttpResponse<String> response = HttpClient.newHttpClient()
                .send(
                        HttpRequest.newBuilder(
                                        java.net.URI.create("http://127.0.0.1:" + address.getPort() + "/metrics?x=1"))
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
        assertEquals(200, response.statusCode());
        assertEquals(FIGURES, response.body());
        assertEquals(
                "text/plain; version=0.0.4; charset=utf-8",
                response.headers().firstValue("Content-Type").orElseThrow());
    }

    @Test
    void theSameOnAUnixSocket() throws Exception {
        start(socket());
        String answer = ask(socket(), "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n");
        assertTrue(answer.startsWith("HTTP/1.1 200 OK\r\n"), () -> firstLine(answer));
        assertTrue(answer.endsWith("\r\n\r\n" + FIGURES));
    }

    @Test
    void headTellsTheLengthOnly() throws Exception {
        SocketAddress address = start(ANY_PORT).address();
        String answer = ask(address, "HEAD /metrics HTTP/1.0\r\n\r\n");
        assertTrue(answer.contains("\r\nContent-Length: " + FIGURES.length() + "\r\n"), answer);
        assertTrue(answer.endsWith("\r\n\r\n"), answer);
    }

    @ParameterizedTest
    @CsvSource({
        "GET / HTTP/1.1, 404 Not Found",
        "GET /metricsx HTTP/1.1, 404 Not Found",
        "POST /metrics HTTP/1.1, 405 Method Not Allowed",
        "GET /metrics HTTP/2.0, 400 Bad Request",
        "GET  /metrics HTTP/1.1, 400 Bad Request",
        "hello, 400 Bad Request",
        "'', 400 Bad Request"
    })
    void answersWhatIsNoQuestionForTheFigures(String request, String status) throws Exception {
        SocketAddress address = start(ANY_PORT).address();
        assertEquals("HTTP/1.1 " + status, firstLine(ask(address, request + "\r\n\r\n")));
    }

    @Test
    void aRequestWithoutEndIsCutOff() throws Exception {
        SocketAddress address = start(ANY_PORT).address();
        String answer = ask(address, "GET /metrics HTTP/1.1\r\nX: " + "x".repeat(20_000));
        assertEquals("HTTP/1.1 431 Request Header Fields Too Large", firstLine(answer));
    }

    @Test
    void noiseHarmsNothing() throws Exception {
        SocketAddress address = start(ANY_PORT).address();
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int i = 0; i < 200; i++) {
            byte[] noise = new byte[random.nextInt(300)];
            random.nextBytes(noise);
            try (SocketChannel channel = SocketChannel.open(address)) {
                channel.write(ByteBuffer.wrap(noise));
            }
        }
        assertEquals("HTTP/1.1 200 OK", firstLine(ask(address, "GET /metrics HTTP/1.1\r\n\r\n")), "seed " + seed);
    }

    @Test
    void whoeverSaysNothingKeepsOthersWaitingOnlyForTheTimeLimit() throws Exception {
        SocketAddress address = start(ANY_PORT).address();
        for (int i = 0; i < 3 * MetricsServer.MOST_CONNECTIONS / 2; i++) {
            open.add(SocketChannel.open(address));
        }
        long begin = System.nanoTime();
        assertEquals("HTTP/1.1 200 OK", firstLine(ask(address, "GET /metrics HTTP/1.1\r\n\r\n")));
        long limits = (System.nanoTime() - begin) / MetricsServer.TIME_LIMIT.toNanos();
        assertTrue(limits < 3, () -> limits + " time limits");
    }

    @Test
    void someSilentOnesKeepNobodyWaiting() throws Exception {
        SocketAddress address = start(ANY_PORT).address();
        for (int i = 0; i < MetricsServer.MOST_CONNECTIONS / 2; i++) {
            open.add(SocketChannel.open(address));
        }
        long begin = System.nanoTime();
        ask(address, "GET /metrics HTTP/1.1\r\n\r\n");
        assertTrue(System.nanoTime() - begin < MetricsServer.TIME_LIMIT.toNanos() / 2);
    }

    @Test
    void aSocketOfADeadProcessIsReplacedAndItsOwnIsRemoved() throws Exception {
        try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            dead.bind(socket());
        }
        assertTrue(Files.exists(socket().getPath()));
        MetricsServer server = start(socket());
        assertEquals(0666, (int) Files.getAttribute(socket().getPath(), "unix:mode") & 0777);
        assertEquals("HTTP/1.1 200 OK", firstLine(ask(socket(), "GET /metrics HTTP/1.1\r\n\r\n")));
        open.remove(server);
        server.close();
        assertFalse(Files.exists(socket().getPath()));
    }

    @Test
    void aSocketInUseAndAnOrdinaryFileAreLeftAlone() throws Exception {
        start(socket());
        assertThrows(BindException.class, () -> start(socket()));
        assertEquals("HTTP/1.1 200 OK", firstLine(ask(socket(), "GET /metrics HTTP/1.1\r\n\r\n")));

        Path file = Files.writeString(directory.resolve("file"), "precious");
        assertThrows(BindException.class, () -> start(UnixDomainSocketAddress.of(file)));
        assertEquals("precious", Files.readString(file));
    }
}
