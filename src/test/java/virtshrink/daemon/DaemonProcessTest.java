package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.libvirt.PrivateLibvirtd;
import virtshrink.shrink.Waiting;

/** The daemon from outside: what systemd and an administrator see of it. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class DaemonProcessTest {
    private static final String NEVER = "0 0 0 1 1 ? 2090";
    private static final String EVERY_SECOND = "* * * * * ?";

    @TempDir
    Path directory;

    private Path configuration;

    @BeforeEach
    void prepare() {
        DaemonProcess.assumePossible();
        configuration = directory.resolve("virt-shrinkd.toml");
    }

    private void configure(String uri, String cron) throws IOException {
        Files.writeString(configuration, """
                connect = "%s"
                [history]
                directory = "%s"
                [schedule.test]
                cron = "%s"
                min-reclaim = "1M"
                """.formatted(uri, directory.resolve("history"), cron));
    }

    private String nobody() {
        return "qemu+unix:///system?socket=" + directory.resolve("nobody");
    }

    @Test
    void livesWithoutLibvirtReloadsAndEndsAsTold() throws Exception {
        configure(nobody(), NEVER);
        try (DaemonProcess daemon = DaemonProcess.start(directory, configuration, Map.of("WATCHDOG_USEC", "1000000"))) {
            daemon.await("READY=1"::equals);
            daemon.await(line -> line.startsWith("STATUS=waiting for test at Sun 2090-01-01"));
            daemon.await("WATCHDOG=1"::equals);

            configure(nobody(), "0 0 0 1 1 ? 2091");
            daemon.signal("HUP");
            daemon.await(line -> line.startsWith("RELOADING=1|MONOTONIC_USEC="));
            daemon.await("READY=1"::equals);
            daemon.await(line -> line.startsWith("STATUS=waiting for test at Mon 2091-01-01"));

            Files.writeString(configuration, "[schedule.test]\ncorn = '0 0 1 * * ?'\n");
            daemon.signal("HUP");
            daemon.await(line -> line.startsWith("RELOADING=1"));
            daemon.await("READY=1"::equals);
            daemon.await(line -> line.startsWith("STATUS=waiting for test at Mon 2091-01-01"));
            assertTrue(
                    daemon.log().contains(configuration + ":2:1: there is no key 'schedule.test.corn'"), daemon.log());
            assertTrue(daemon.log().contains("the configuration is kept as it was"), daemon.log());
            assertTrue(daemon.log().contains("cannot connect to libvirt"), daemon.log());

            daemon.signal("TERM");
            long told = System.nanoTime();
            daemon.await(line -> line.startsWith("STOPPING=1"));
            assertEquals(0, daemon.exitCode(), daemon::toString);
            assertTrue(Duration.ofNanos(System.nanoTime() - told).toSeconds() < 5);
        }
    }

    @Test
    void doesNotStartWithABadConfiguration() throws Exception {
        Files.writeString(configuration, "");
        try (DaemonProcess daemon = DaemonProcess.start(directory, configuration, Map.of())) {
            assertEquals(2, daemon.exitCode());
            assertTrue(daemon.log().contains("there is no [schedule.NAME]"), daemon.log());
        }
    }

    @Test
    void doesNotStartBesideAnother() throws Exception {
        configure(nobody(), NEVER);
        Path elsewhere = Files.createDirectory(directory.resolve("2"));
        try (DaemonProcess first = DaemonProcess.start(directory, configuration, Map.of())) {
            first.await("READY=1"::equals);
            try (DaemonProcess second = DaemonProcess.start(elsewhere, configuration, Map.of())) {
                assertEquals(1, second.exitCode());
                assertTrue(second.log().contains("another virt-shrinkd"), second.log());
            }
        }
    }

    /** A qemu-img that never finishes a conversion, so that a signal finds the daemon in the middle of one. */
    private Map<String, String> slowTools() throws IOException {
        Path tools = Files.createDirectories(directory.resolve("tools"));
        Path qemuImg = tools.resolve("qemu-img");
        Files.writeString(qemuImg, """
                #!/bin/sh
                case "$*" in
                *convert*) exec sleep 600 ;;
                esac
                exec /usr/bin/qemu-img "$@"
                """);
        Files.setPosixFilePermissions(qemuImg, PosixFilePermissions.fromString("rwxr-xr-x"));
        return Map.of("VIRT_SHRINK_TOOLS", tools.toString());
    }

    private List<String> beside(Path image) throws IOException {
        try (Stream<Path> files = Files.list(image.getParent())) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void endsInTheMiddleOfARunAndCleansUpWhetherToldOrKilled() throws Exception {
        PrivateLibvirtd.assumePossible();
        Path images = Files.createDirectory(directory.resolve("images"));
        Path image = UsedImage.qcow2(images.resolve("web.qcow2"), 8);
        byte[] content = Files.readAllBytes(image);
        try (PrivateLibvirtd libvirtd = PrivateLibvirtd.start(Files.createDirectory(directory.resolve("d")))) {
            libvirtd.defineDomain("virt-shrink-test-web", PrivateLibvirtd.fileDisk("vda", image, "qcow2"));
            configure(libvirtd.uri(), EVERY_SECOND);
            try (DaemonProcess daemon = DaemonProcess.start(directory, configuration, slowTools())) {
                daemon.await(line -> line.endsWith(": rebuild"));
                daemon.signal("TERM");
                long told = System.nanoTime();
                assertEquals(0, daemon.exitCode());
                assertTrue(Duration.ofNanos(System.nanoTime() - told).toSeconds() < 5);
                assertTrue(daemon.log().contains("yielded: the daemon is stopping"), daemon.log());
            }
            assertEquals(List.of("web.qcow2"), beside(image));

            try (DaemonProcess daemon = DaemonProcess.start(directory, configuration, slowTools())) {
                daemon.await(line -> line.endsWith(": rebuild"));
                daemon.signal("KILL");
                daemon.exitCode();
            }
            assertEquals(3, beside(image).size(), "the overlay and the new image of the killed run");

            configure(libvirtd.uri(), NEVER);
            try (DaemonProcess daemon = DaemonProcess.start(directory, configuration, Map.of())) {
                daemon.await("READY=1"::equals);
                Waiting.until("the leftovers are gone", () -> beside(image).size() == 1);
                Waiting.until("the log says so", () -> daemon.log().contains("left by a dead run"));
            }
            assertArrayEquals(content, Files.readAllBytes(image));

            configure(libvirtd.uri(), EVERY_SECOND);
            try (DaemonProcess daemon = DaemonProcess.start(directory, configuration, Map.of())) {
                daemon.await(line -> line.endsWith(": swap"));
                daemon.await(line -> line.startsWith("STATUS=waiting"));
                assertTrue(daemon.log().contains("virt-shrink-test-web vda: shrunk from"), daemon.log());
                daemon.signal("TERM");
                assertEquals(0, daemon.exitCode());
            }
            assertFalse(java.util.Arrays.equals(content, Files.readAllBytes(image)));
        }
    }
}
