package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.history.History;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.NightEnded;
import virtshrink.history.HistoryReader;
import virtshrink.libvirt.Hypervisor;
import virtshrink.libvirt.PrivateLibvirtd;
import virtshrink.os.FileStatus;
import virtshrink.schedule.Patterns;
import virtshrink.schedule.Schedule;
import virtshrink.schedule.Selection;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.OriginalsPolicy;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.Shrinker;

/** One night and the next, with real domains of a real libvirtd and the real pipeline. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 240, unit = TimeUnit.SECONDS)
class RealNightTest {
    private static final int MIB = 1 << 20;

    @TempDir
    static Path directory;

    private Path images;
    private PrivateLibvirtd libvirtd;
    private History history;
    private final List<String> attached = new ArrayList<>();

    @BeforeAll
    void startLibvirtd() throws IOException {
        PrivateLibvirtd.assumePossible();
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/qemu-io")), "needs qemu-io (package qemu-utils)");
        images = Files.createDirectory(directory.resolve("images"));
        libvirtd = PrivateLibvirtd.start(Files.createDirectory(directory.resolve("d")));
        history = History.open(directory.resolve("history"));
    }

    @AfterAll
    void stopLibvirtd() throws IOException {
        if (libvirtd != null) {
            history.close();
            libvirtd.close();
        }
    }

    private Path used(String name, int mebibytes) throws IOException {
        return UsedImage.qcow2(images.resolve(name), mebibytes);
    }

    private void define(String name, Path image, String format) throws IOException {
        libvirtd.defineDomain(name, fileDisk("vda", image, format));
    }

    private void defineDomains() throws IOException {
        define("small", used("small.qcow2", 12), "qcow2");
        define("large", used("large.qcow2", 24), "qcow2");
        define("raw", UsedImage.raw(images.resolve("raw.img"), 16), "raw");
        define("chained", overlay(used("base.qcow2", 24)), "qcow2");
        define("tidy", UsedImage.tidy(images.resolve("tidy.qcow2"), 8), "qcow2");
        define("dirty", UsedImage.dirty(images.resolve("dirty.qcow2"), 8), "qcow2");

        Path pool = Files.createDirectory(images.resolve("pool"));
        Files.move(used("volume.qcow2", 20), pool.resolve("volume.qcow2"));
        libvirtd.virsh("pool-create-as", "fast", "dir", "--target", pool.toString());
        libvirtd.defineDomain("pooled", """
                <disk type='volume' device='disk'>
                  <driver name='qemu' type='qcow2'/>
                  <source pool='fast' volume='volume.qcow2'/>
                  <target dev='vda' bus='virtio'/>
                </disk>""");

        define("excluded-1", used("excluded.qcow2", 8), "qcow2");
        for (String state : List.of("running", "paused", "saved", "snapshotted")) {
            define(state, used(state + ".qcow2", 8), "qcow2");
        }
        define("disabled", used("disabled.qcow2", 8), "qcow2");
        libvirtd.virsh(
                "metadata",
                "disabled",
                "urn:virt-shrink:policy:1.0",
                "--key",
                "v",
                "--set",
                "<policy disabled='yes'/>");
        libvirtd.virsh("start", "running");
        libvirtd.virsh("start", "paused");
        libvirtd.virsh("suspend", "paused");
        libvirtd.virsh("start", "saved");
        libvirtd.virsh("managedsave", "saved");
        libvirtd.virsh("snapshot-create-as", "snapshotted", "s1");
    }

    /** What it holds itself lies in blocks that the filesystem calls free, away from its metadata. */
    private Path overlay(Path base) throws IOException {
        Path top = images.resolve("top.qcow2");
        PrivateLibvirtd.run(List.of(
                "qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base.toString(), top.toString()));
        PrivateLibvirtd.run(List.of("qemu-io", "-f", "qcow2", "-c", "write -P 7 17M 5M", top.toString()));
        return top;
    }

    private static Schedule schedule() {
        return new Schedule(
                "nightly",
                "0 30 1 * * ?",
                ZoneId.of("UTC"),
                Optional.empty(),
                Duration.ZERO,
                true,
                Optional.empty(),
                new Selection(new Patterns(List.of(), List.of("excluded-*")), Patterns.ALL, Patterns.ALL, Patterns.ALL),
                new MinimumGain(MIB, 0),
                Duration.ZERO,
                Duration.ZERO,
                false,
                false,
                false,
                OriginalsPolicy.STANDARD);
    }

    private Workshop workshop() {
        return new Workshop(
                uri -> {
                    Hypervisor hypervisor = Hypervisor.open(uri);
                    return new LibvirtDomains(hypervisor, libvirtd.domainLogDirectory());
                },
                (disks, progress, cancellation) -> {
                    disks.forEach(disk -> attached.add(disk.image().getFileName() + (disk.dryRun() ? " dry" : "")));
                    return new Shrinker().runTogether(disks, progress, cancellation);
                },
                history,
                Clock.tickMillis(ZoneOffset.UTC),
                new CurrentWork(),
                FakeHost.neighbour(1, 1),
                line -> {});
    }

    private List<HistoryEntry> entries() throws IOException {
        List<HistoryEntry> found = new ArrayList<>();
        HistoryReader.read(directory.resolve("history"), found::add);
        return found;
    }

    private Map<String, FileStatus> files() throws IOException {
        Map<String, FileStatus> found = new TreeMap<>();
        try (var files = Files.walk(images)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                found.put(file.getFileName().toString(), FileStatus.of(file));
            }
        }
        return found;
    }

    @Test
    void shrinksTheRightOnesLargestFirstAndNothingInTheSecondNight() throws Exception {
        defineDomains();
        Map<String, FileStatus> before = files();

        new Night(workshop(), libvirtd.uri(), schedule(), Instant.now()).run();

        List<String> shrunk = entries().stream()
                .filter(DiskRun.class::isInstance)
                .map(DiskRun.class::cast)
                .filter(run -> run.outcome() == Outcome.SHRUNK)
                .map(DiskRun::domain)
                .toList();
        assertEquals(List.of("large", "pooled", "raw", "small", "chained"), shrunk, () -> attached.toString());
        Map<String, FileStatus> after = files();
        assertEquals(before.keySet(), after.keySet(), "no file was left behind");
        for (String name : before.keySet()) {
            if (List.of("large.qcow2", "volume.qcow2", "raw.img", "small.qcow2", "top.qcow2")
                    .contains(name)) {
                assertTrue(
                        after.get(name).allocatedBytes() < before.get(name).allocatedBytes() / 4,
                        () -> name + ": " + before + " " + after);
            } else {
                assertTrue(after.get(name).unchangedSince(before.get(name)), name);
            }
        }
        NightEnded first = (NightEnded) entries().get(entries().size() - 1);
        assertEquals("", first.reason());
        // One is not meant, one is disabled by its policy, and four are in no state to be touched.
        assertEquals(12, first.selected());
        assertEquals(5, first.leftAlone());
        assertEquals(7, first.attempted());

        attached.clear();
        long began = System.nanoTime();
        new Night(workshop(), libvirtd.uri(), schedule(), Instant.now()).run();
        Duration took = Duration.ofNanos(System.nanoTime() - began);
        assertEquals(List.of(), attached);
        assertTrue(took.toMillis() < 1000, took::toString);
        NightEnded second = (NightEnded) entries().get(entries().size() - 1);
        assertEquals(7, second.unchanged());
        assertEquals(0, second.attempted());

        // A guest that has run has written: its image is looked at again.
        PrivateLibvirtd.run(List.of(
                "qemu-io",
                "-f",
                "qcow2",
                "-c",
                "write -P 7 8M 2M",
                images.resolve("small.qcow2").toString()));
        new Night(workshop(), libvirtd.uri(), schedule(), Instant.now()).run();
        assertEquals(List.of("small.qcow2 dry", "small.qcow2"), attached);
    }
}
