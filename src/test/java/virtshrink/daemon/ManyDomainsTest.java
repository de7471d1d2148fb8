package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.NightBegan;
import virtshrink.history.HistoryEntry.NightEnded;
import virtshrink.history.HistoryReader;
import virtshrink.libvirt.PrivateLibvirtd;
import virtshrink.libvirt.Proofs;
import virtshrink.shrink.Outcome;

/** A night of many small domains in a daemon of its own, and the nights after it: what it takes of the host, and that it gives everything back. */
@Timeout(value = 1800, unit = TimeUnit.SECONDS)
class ManyDomainsTest {
    private static final int DOMAINS = Proofs.areWanted() ? 200 : 16;
    private static final Duration PATIENCE = Duration.ofMinutes(20);

    private static final long IDLE_LIMIT_KIB = 96 << 10;

    /** What is kept in mind of each disk's last run, for all of them, and what the first of them has loaded. */
    private static final long HEAP_ALLOWANCE_KIB = 2 << 10;

    /** While it works, the heap is somewhere between two collections. */
    private static final long RESIDENT_ALLOWANCE_KIB = 16 << 10;

    @TempDir
    Path directory;

    private PrivateLibvirtd libvirtd;
    private TrappedTools tools;
    private Path configuration;

    @BeforeEach
    void defineDomains() throws IOException {
        DaemonProcess.assumePossible();
        PrivateLibvirtd.assumePossible();
        libvirtd = PrivateLibvirtd.start(Files.createDirectory(directory.resolve("d")));
        tools = TrappedTools.in(directory.resolve("tools"));
        configuration = directory.resolve("virt-shrinkd.toml");
        Path images = Files.createDirectory(directory.resolve("images"));
        Path pristine = UsedImage.qcow2(directory.resolve("pristine.qcow2"), 4);
        for (int i = 0; i < DOMAINS; i++) {
            Path image = Files.copy(pristine, images.resolve("small" + i + ".qcow2"));
            libvirtd.defineDomain("small" + i, PrivateLibvirtd.fileDisk("vda", image, "qcow2"));
        }
    }

    @AfterEach
    void stopLibvirtd() throws IOException {
        if (libvirtd != null) {
            libvirtd.close();
        }
    }

    private void configure(String cron) throws IOException {
        Files.writeString(configuration, """
                connect = "%s"
                [history]
                directory = "%s"
                [schedule.test]
                cron = "%s"
                min-reclaim = "1M"
                """.formatted(libvirtd.uri(), directory.resolve("history"), cron));
    }

    /** What a process takes of the host. */
    private record Footprint(long residentKib, long heapKib, int descriptors, int sockets, int threads, long children) {
        static Footprint of(long pid) throws IOException {
            PrivateLibvirtd.run(List.of(jcmd(), Long.toString(pid), "GC.run"));
            String heap = PrivateLibvirtd.run(List.of(jcmd(), Long.toString(pid), "GC.heap_info"));
            long used = Pattern.compile("(?:generation|Metaspace) .*?used (\\d+)K")
                    .matcher(heap.replaceAll("(?m)^ *Metaspace.*$", ""))
                    .results()
                    .mapToLong(found -> Long.parseLong(found.group(1)))
                    .sum();
            String status = Files.readString(Path.of("/proc", Long.toString(pid), "status"));
            int descriptors = 0;
            int sockets = 0;
            try (Stream<Path> open = Files.list(Path.of("/proc", Long.toString(pid), "fd"))) {
                for (Path descriptor : open.toList()) {
                    descriptors++;
                    sockets += isSocket(descriptor) ? 1 : 0;
                }
            }
            return new Footprint(
                    number(status, "VmRSS"),
                    used,
                    descriptors,
                    sockets,
                    (int) number(status, "Threads"),
                    ProcessHandle.of(pid).orElseThrow().descendants().count());
        }

        private static String jcmd() {
            return Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
        }

        private static boolean isSocket(Path descriptor) {
            try {
                return Files.readSymbolicLink(descriptor).toString().startsWith("socket:");
            } catch (IOException closedMeanwhile) {
                return false;
            }
        }

        private static long number(String status, String key) {
            Matcher found = Pattern.compile(key + ":\\s+(\\d+)").matcher(status);
            assertTrue(found.find(), status);
            return Long.parseLong(found.group(1));
        }
    }

    private List<HistoryEntry> entries() throws IOException {
        List<HistoryEntry> found = new ArrayList<>();
        HistoryReader.read(directory.resolve("history"), found::add);
        return found;
    }

    private long shrunk() throws IOException {
        return entries().stream()
                .filter(entry -> entry instanceof DiskRun run && run.outcome() == Outcome.SHRUNK)
                .count();
    }

    private long nights() throws IOException {
        return entries().stream().filter(NightEnded.class::isInstance).count();
    }

    private interface Condition {
        boolean holds() throws IOException;
    }

    private static void await(String what, DaemonProcess daemon, Condition condition) throws Exception {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.holds()) {
            if (System.nanoTime() - deadline > 0) {
                throw new IOException("waited in vain: " + what + "; log: " + daemon.log());
            }
            Thread.sleep(50);
        }
    }

    @Test
    void takesNoMoreAfterManyThanAfterAFewAndGivesEverythingBack() throws Exception {
        configure("0 0 0 1 1 ? 2090");
        try (DaemonProcess daemon = DaemonProcess.start(directory, configuration, tools.environment())) {
            await("events", daemon, () -> daemon.log().contains("hears from libvirt"));
            Footprint idle = Footprint.of(daemon.pid());
            assertTrue(idle.residentKib() < IDLE_LIMIT_KIB, idle::toString);

            configure("* * * * * ?");
            daemon.signal("HUP");
            await("a quarter", daemon, () -> shrunk() >= DOMAINS / 4);
            Footprint quarter = Footprint.of(daemon.pid());
            await("a night", daemon, () -> nights() >= 1);
            Footprint all = Footprint.of(daemon.pid());
            assertEquals(DOMAINS, shrunk(), daemon::toString);

            long starts = tools.starts();
            await("two more nights", daemon, () -> nights() >= 3);
            assertEquals(starts, tools.starts(), "the nights after it attach nothing");
            configure("0 0 0 1 1 ? 2090");
            daemon.signal("HUP");
            daemon.await(line -> line.startsWith("STATUS=waiting for test at Sun 2090"));
            await("rest", daemon, () -> Footprint.of(daemon.pid()).sockets() <= idle.sockets());
            Footprint after = Footprint.of(daemon.pid());

            print(idle, quarter, all, after);
            assertTrue(after.heapKib() < idle.heapKib() + HEAP_ALLOWANCE_KIB, () -> idle + " " + after);
            assertTrue(after.residentKib() < IDLE_LIMIT_KIB, after::toString);
            assertTrue(all.residentKib() < quarter.residentKib() + RESIDENT_ALLOWANCE_KIB, () -> quarter + " " + all);
            assertTrue(after.descriptors() <= idle.descriptors() + 2, () -> idle + " " + after);
            assertEquals(0, after.children());
            try (Stream<Path> runs = Files.list(directory.resolve("run"))) {
                assertEquals(List.of(), runs.filter(Files::isDirectory).toList());
            }
            try (Stream<Path> beside = Files.list(directory.resolve("images"))) {
                assertEquals(DOMAINS, beside.count());
            }
            daemon.signal("TERM");
            assertEquals(0, daemon.exitCode());
        }
    }

    private void print(Footprint... footprints) throws IOException {
        NightBegan began = null;
        StringBuilder text = new StringBuilder(DOMAINS + " domains; idle, a quarter, all, after:\n");
        for (Footprint footprint : footprints) {
            text.append("  ").append(footprint).append('\n');
        }
        for (HistoryEntry entry : entries()) {
            if (entry instanceof NightBegan night) {
                began = night;
            } else if (entry instanceof NightEnded night && began != null) {
                text.append("  %6d ms, %d looked at, %d unchanged%n"
                        .formatted(
                                Duration.between(began.at(), night.at()).toMillis(),
                                night.attempted(),
                                night.unchanged()));
            }
        }
        System.out.println(text);
    }
}
