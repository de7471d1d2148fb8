package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.history.History;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.NightEnded;
import virtshrink.libvirt.PrivateLibvirtd;
import virtshrink.os.FileStatus;
import virtshrink.shrink.Cause;
import virtshrink.shrink.FileSize;

/** The figures of a daemon from outside: what Prometheus and node_exporter see of it. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class MetricsProcessTest {
    private static final Instant LAST_NIGHT = Instant.parse("2026-11-22T01:30:00Z");
    private static final String LAST_SUCCESS =
            "virt_shrink_last_success_timestamp_seconds{schedule=\"test\"} 1.795311E9\n";

    @TempDir
    Path directory;

    private Path configuration;

    @BeforeEach
    void prepare() {
        DaemonProcess.assumePossible();
        configuration = directory.resolve("virt-shrinkd.toml");
    }

    private void configure(String uri, String cron, String metrics) throws IOException {
        Files.writeString(configuration, """
                connect = "%s"
                [history]
                directory = "%s"
                [metrics]
                %s
                [schedule.test]
                cron = "%s"
                min-reclaim = "1M"
                """.formatted(uri, directory.resolve("history"), metrics, cron));
    }

    private Path textFile() {
        return directory.resolve("virt-shrink.prom");
    }

    private String listen(String name) {
        return "listen = \"unix:" + directory.resolve(name) + "\"\n";
    }

    private String scrape(String name) throws IOException {
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve(name)))) {
            channel.write(ByteBuffer.wrap("GET /metrics HTTP/1.1\r\n\r\n".getBytes(StandardCharsets.US_ASCII)));
            return new String(Channels.newInputStream(channel).readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private void rememberANight() throws IOException {
        try (History history = History.open(directory.resolve("history"))) {
            history.append(new DiskRun(
                    LAST_NIGHT,
                    "test",
                    "web",
                    new UUID(1, 2),
                    "vda",
                    directory.resolve("web.qcow2"),
                    Cause.BELOW_MINIMUM,
                    "",
                    new FileSize(1000, 1000),
                    new FileSize(1000, 1000),
                    70,
                    70,
                    Optional.empty(),
                    Map.of(),
                    List.of(),
                    List.of()));
            history.append(new NightEnded(LAST_NIGHT, "test", LAST_NIGHT, 1, 0, 0, 1, ""));
        }
    }

    @Test
    void areShownWhereTheConfigurationSaysAndMoveWithIt() throws Exception {
        rememberANight();
        String nobody = "qemu+unix:///system?socket=" + directory.resolve("nobody");
        configure(nobody, "0 0 0 1 1 ? 2090", listen("one"));
        try (DaemonProcess daemon = DaemonProcess.start(directory, configuration, Map.of())) {
            daemon.await("READY=1"::equals);
            String figures = scrape("one");
            assertTrue(figures.startsWith("HTTP/1.1 200 OK\r\n"), figures);
            long due = Instant.parse("2090-01-01T00:00:00Z").getEpochSecond();
            assertTrue(figures.contains("virt_shrink_next_fire_timestamp_seconds{schedule=\"test\"} "), figures);
            double shown = figures.lines()
                    .filter(line -> line.startsWith("virt_shrink_next_fire"))
                    .mapToDouble(line -> Double.parseDouble(line.substring(line.indexOf(' '))))
                    .findFirst()
                    .orElse(0);
            assertTrue(Math.abs(shown - due) <= Duration.ofDays(1).toSeconds(), figures);
            assertTrue(figures.contains(LAST_SUCCESS), figures);
            assertTrue(figures.contains("virt_shrink_reclaimable_bytes 70.0\n"), figures);
            assertFalse(Files.exists(textFile()));

            configure(nobody, "0 0 0 1 1 ? 2091", listen("two") + "textfile = \"" + textFile() + "\"");
            daemon.signal("HUP");
            daemon.await("READY=1"::equals);
            assertTrue(scrape("two").contains("virt_shrink_next_fire_timestamp_seconds{schedule=\"test\"} "));
            assertFalse(Files.exists(directory.resolve("one")));
            assertTrue(Files.readString(textFile()).contains(LAST_SUCCESS));

            configure(nobody, "0 0 0 1 1 ? 2091", "listen = \"192.0.2.1:9837\"");
            daemon.signal("HUP");
            daemon.await("READY=1"::equals);
            assertTrue(daemon.log().contains("it must be a loopback address"), daemon.log());
            assertTrue(scrape("two").startsWith("HTTP/1.1 200 OK\r\n"));

            daemon.signal("TERM");
            assertEquals(0, daemon.exitCode());
            assertFalse(Files.exists(directory.resolve("two")));
            assertTrue(Files.readString(textFile()).contains(LAST_SUCCESS));
        }
    }

    @Test
    void tellOfARealNight() throws Exception {
        PrivateLibvirtd.assumePossible();
        Path image = UsedImage.qcow2(
                Files.createDirectory(directory.resolve("images")).resolve("web.qcow2"), 8);
        long before = FileStatus.of(image).allocatedBytes();
        try (PrivateLibvirtd libvirtd = PrivateLibvirtd.start(Files.createDirectory(directory.resolve("d")))) {
            libvirtd.defineDomain("virt-shrink-test-web", PrivateLibvirtd.fileDisk("vda", image, "qcow2"));
            configure(libvirtd.uri(), "* * * * * ?", "textfile = \"" + textFile() + "\"");
            try (DaemonProcess daemon = DaemonProcess.start(directory, configuration, Map.of())) {
                daemon.await(line -> line.endsWith(": swap"));
                daemon.await(line -> line.startsWith("STATUS=waiting"));
                String figures = Files.readString(textFile());
                assertTrue(
                        figures.contains("virt_shrink_disk_runs_total{cause=\"done\",outcome=\"shrunk\"} 1.0\n"),
                        figures);
                assertTrue(figures.contains("virt_shrink_phase_duration_seconds_count{phase=\"swap\"} 1\n"), figures);
                assertTrue(figures.contains("virt_shrink_last_success_timestamp_seconds{schedule=\"test\"} "), figures);
                double reclaimed = figures.lines()
                        .filter(line -> line.startsWith("virt_shrink_reclaimed_bytes_total "))
                        .mapToDouble(line -> Double.parseDouble(line.substring(line.indexOf(' '))))
                        .findFirst()
                        .orElse(0);
                assertEquals((double) (before - FileStatus.of(image).allocatedBytes()), reclaimed);
                daemon.signal("TERM");
                assertEquals(0, daemon.exitCode());
            }
        }
    }
}
