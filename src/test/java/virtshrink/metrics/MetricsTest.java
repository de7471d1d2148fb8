package virtshrink.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.history.History;
import virtshrink.history.HistoryEntry;
import virtshrink.shrink.Cause;

class MetricsTest {
    private static final Optional<SocketAddress> NOWHERE = Optional.empty();

    @TempDir
    Path directory;

    private Path image;
    private History history;
    private Metrics metrics;

    @BeforeEach
    void open() throws IOException {
        image = Files.createFile(directory.resolve("a.qcow2"));
        begin();
    }

    private void begin() throws IOException {
        history = History.open(directory.resolve("history"));
        metrics = new Metrics(directory.resolve("history"), () -> Map.of("nightly", Optional.of(Entries.NOON)));
        history.onAppend(metrics::count);
    }

    @AfterEach
    void close() throws IOException {
        metrics.close();
        history.close();
    }

    private void restart() throws IOException {
        close();
        begin();
    }

    private Path textFile() {
        return directory.resolve("virt-shrink.prom");
    }

    private UnixDomainSocketAddress socket(String name) {
        return UnixDomainSocketAddress.of(directory.resolve(name));
    }

    private void show() {
        metrics.show(NOWHERE, Optional.of(textFile()));
    }

    private HistoryEntry shrunk() {
        return Entries.run("a", image, Cause.DONE, 400, 600, 0);
    }

    private static String scrape(SocketAddress address) throws IOException {
        try (SocketChannel channel = SocketChannel.open(address)) {
            channel.write(ByteBuffer.wrap("GET /metrics HTTP/1.1\r\n\r\n".getBytes(StandardCharsets.US_ASCII)));
            return new String(Channels.newInputStream(channel).readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private void requireInFile(String line) throws IOException {
        String text = Files.readString(textFile());
        assertTrue(text.lines().anyMatch(line::equals), () -> line + " is not in\n" + text);
    }

    @Test
    void nothingIsShownUnlessItIsWanted() throws IOException {
        history.append(shrunk());
        assertFalse(Files.exists(textFile()));
    }

    @Test
    void theFileFollowsEveryEntry() throws IOException {
        show();
        requireInFile("virt_shrink_reclaimed_bytes_total 0.0");
        history.append(shrunk());
        requireInFile("virt_shrink_reclaimed_bytes_total 600.0");
        history.append(Entries.ended("nightly", Entries.NOON, ""));
        requireInFile("virt_shrink_last_success_timestamp_seconds{schedule=\"nightly\"} 1.7953488E9");
    }

    @Test
    void aRestartKnowsThePastAndCountsFromZero() throws IOException {
        show();
        history.append(shrunk());
        history.append(Entries.ended("nightly", Entries.NOON, ""));
        restart();
        show();
        requireInFile("virt_shrink_last_success_timestamp_seconds{schedule=\"nightly\"} 1.7953488E9");
        requireInFile("virt_shrink_disks{outcome=\"shrunk\"} 1.0");
        requireInFile("virt_shrink_reclaimed_bytes_total 0.0");
    }

    @Test
    void whatHappenedBeforeTheyWereWantedIsThePast() throws IOException {
        history.append(shrunk());
        show();
        requireInFile("virt_shrink_reclaimed_bytes_total 0.0");
        requireInFile("virt_shrink_last_shrunk_timestamp_seconds 1.7953488E9");
    }

    @Test
    void anotherConfigurationMovesThemWithoutForgetting() throws IOException {
        metrics.show(Optional.of(socket("one")), Optional.empty());
        history.append(shrunk());
        assertTrue(scrape(socket("one")).contains("virt_shrink_reclaimed_bytes_total 600.0\n"));
        metrics.show(Optional.of(socket("two")), Optional.of(textFile()));
        assertFalse(Files.exists(socket("one").getPath()));
        assertTrue(scrape(socket("two")).contains("virt_shrink_reclaimed_bytes_total 600.0\n"));
        requireInFile("virt_shrink_reclaimed_bytes_total 600.0");
        metrics.show(NOWHERE, Optional.empty());
        assertFalse(Files.exists(socket("two").getPath()));
    }

    @Test
    void figuresThatCannotBeShownDisturbNothing() throws IOException {
        metrics.show(Optional.of(socket("absent/socket")), Optional.of(directory.resolve("absent/virt-shrink.prom")));
        history.append(shrunk());
        Files.createDirectory(directory.resolve("absent"));
        history.append(shrunk());
        assertTrue(Files.readString(directory.resolve("absent/virt-shrink.prom"))
                .contains("virt_shrink_reclaimed_bytes_total 1200.0\n"));
    }

    @Test
    void aPlaceThatWasTakenIsTriedAgainWhenTheConfigurationIsRead() throws IOException {
        Files.writeString(directory.resolve("socket"), "in the way");
        metrics.show(Optional.of(socket("socket")), Optional.empty());
        Files.delete(directory.resolve("socket"));
        metrics.show(Optional.of(socket("socket")), Optional.empty());
        assertEquals(
                "HTTP/1.1 200 OK", scrape(socket("socket")).lines().findFirst().orElse(""));
    }
}
