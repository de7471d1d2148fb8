package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import virtshrink.block.ExternalTool;
import virtshrink.os.FileStatus;
import virtshrink.shrink.Phase;
import virtshrink.shrink.SpanningDisks;

/** A domain of a real libvirtd whose volume group is on two of its disks. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class SpanningDomainTest {
    private static final String REACHES = "it reaches to another disk";

    @TempDir
    static Path directory;

    private DomainHost host;
    private SpanningDisks disks;
    private Path pristine;
    private Path first;
    private Path second;

    @BeforeAll
    void startLibvirtd() throws IOException {
        SpanningDisks.assumeTools();
        host = DomainHost.start(directory);
        host.installHook();
        disks = SpanningDisks.make(directory.resolve("disks"));
        pristine = disks.imageIn(directory.resolve("pristine.qcow2"), 0);
        first = host.images.resolve("first.qcow2");
        second = host.images.resolve("second.qcow2");
    }

    @AfterAll
    void stopLibvirtd() throws IOException {
        if (host != null) {
            host.close();
        }
    }

    @BeforeEach
    void makeImages() throws IOException {
        Files.copy(pristine, first, StandardCopyOption.REPLACE_EXISTING);
        Files.deleteIfExists(second);
        disks.imageIn(second, 1);
    }

    @AfterEach
    void undefine() throws IOException {
        host.libvirtd.virsh("undefine", "spanning");
        assertEquals(List.of(), host.leftovers());
    }

    private void define(String... more) throws IOException {
        host.libvirtd.defineDomain(
                "spanning",
                Stream.concat(Stream.of(fileDisk("vda", first, "qcow2")), Stream.of(more))
                        .toArray(String[]::new));
    }

    private void defineBoth() throws IOException {
        define(fileDisk("vdb", second, "qcow2"));
    }

    private static List<Map<?, ?>> disksOf(Map<?, ?> domain) {
        return ((List<?>) Objects.requireNonNull(domain.get("disks")))
                .stream().<Map<?, ?>>map(disk -> (Map<?, ?>) disk).toList();
    }

    private static List<Object> column(Map<?, ?> domain, String name) {
        return disksOf(domain).stream()
                .map(disk -> Objects.requireNonNullElse((Object) disk.get(name), "none"))
                .toList();
    }

    private static String reason(Map<?, ?> disk, String device) {
        return ((List<?>) Objects.requireNonNull(disk.get("filesystems")))
                .stream()
                        .map(filesystem -> (Map<?, ?>) filesystem)
                        .filter(filesystem -> device.equals(filesystem.get("device")))
                        .map(filesystem -> String.valueOf(filesystem.get("reason")))
                        .findFirst()
                        .orElseThrow(() -> new AssertionError(device + " is not in " + disk));
    }

    @Test
    void everyCommandNamesTheSameFiguresAndTheRunGivesThemBack() throws Exception {
        defineBoth();
        Map<?, ?> listed = (Map<?, ?>) ((List<?>)
                        Objects.requireNonNull(host.run("list", "--json").json().get("domains")))
                .get(0);
        Map<String, Object> estimate =
                host.run("estimate", "--json", "--domain", "spanning").json();
        Map<String, Object> dry =
                host.run("domain", "--json", "--dry-run", "spanning").json();
        long before =
                FileStatus.of(first).allocatedBytes() + FileStatus.of(second).allocatedBytes();

        Cli.Result result = host.run("domain", "--json", "spanning");

        assertEquals(0, result.status(), result::toString);
        Map<String, Object> done = result.json();
        assertEquals(List.of("shrunk", "shrunk"), column(done, "outcome"));
        List<Object> figures = column(done, "reclaimableBytes");
        assertEquals(figures, column(listed, "reclaimableBytes"));
        assertEquals(figures, column(estimate, "reclaimableBytes"));
        assertEquals(figures, column(dry, "reclaimableBytes"));
        assertEquals(
                disksOf(done).get(0).get("filesystems"), disksOf(dry).get(0).get("filesystems"));
        long after =
                FileStatus.of(first).allocatedBytes() + FileStatus.of(second).allocatedBytes();
        assertTrue(before - after > disks.winnable(0) + disks.winnable(1) - (2 << 20), result::toString);
        disks.requireSameIn(first, second);

        host.libvirtd.virsh("start", "spanning");
        assertTrue(host.hasOpen("spanning", first) && host.hasOpen("spanning", second));
        host.libvirtd.virsh("destroy", "spanning");
    }

    @Test
    void whatReachesToABlockDeviceIsLeftAlone() throws Exception {
        Path raw = disks.rawIn(directory.resolve("second.raw"), 1);
        String device =
                ExternalTool.run("losetup", "--find", "--show", raw.toString()).strip();
        try {
            define("<disk type='block' device='disk'><source dev='%s'/><target dev='vdb' bus='virtio'/></disk>"
                    .formatted(device));
            Map<String, Object> json = host.run("domain", "--json", "spanning").json();
            assertEquals(List.of("shrunk", "refused"), column(json, "outcome"), json::toString);
            String reason = reason(disksOf(json).get(0), SpanningDisks.ROOT);
            assertTrue(reason.contains(REACHES), reason);
            disks.requireSameIn(first, second);
        } finally {
            ExternalTool.run("losetup", "--detach", device);
            Files.delete(raw);
        }
    }

    @Test
    void anImageByItselfIsToldWhatToDo() throws Exception {
        defineBoth();
        for (String command : List.of("estimate", "inspect")) {
            String reason = reason(host.run(command, "--json", first.toString()).json(), SpanningDisks.ROOT);
            assertTrue(reason.contains(REACHES) && reason.endsWith("by: virt-shrink domain"), reason);
        }
    }

    /** Whatever is held is given to the guest: the disk that is worked on, and the one beside it. */
    @ParameterizedTest
    @EnumSource(
            value = Phase.class,
            names = {"INSPECT", "REBUILD", "VERIFY", "SWAP"})
    void theGuestStartsInMidRun(Phase phase) throws Exception {
        defineBoth();
        Cli.Result result = host.at(phase, () -> {
                    long began = System.nanoTime();
                    host.libvirtd.virsh("start", "spanning");
                    long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
                    assertTrue(millis < 6000, () -> "the start took " + millis + " ms");
                })
                .run("domain", "--json", "spanning");
        assertEquals(4, result.status(), result::toString);
        assertEquals(List.of("yielded", "yielded"), column(result.json(), "outcome"));
        assertTrue(host.hasOpen("spanning", first) && host.hasOpen("spanning", second));
        host.libvirtd.virsh("destroy", "spanning");
        assertEquals(-1, Files.mismatch(pristine, first));
        disks.requireSameIn(first, second);
    }

    @Test
    void aDiskThatIsTakenAwayInMidRunKeepsTheOtherFromBeingReplaced() throws Exception {
        defineBoth();
        Cli.Result result = host.at(
                        Phase.VERIFY, () -> host.libvirtd.virsh("detach-disk", "spanning", "vdb", "--config"))
                .run("domain", "--json", "spanning");
        assertEquals(3, result.status(), result::toString);
        assertTrue(result.json().toString().contains("was changed while it was being shrunk"), result::toString);
        assertEquals(-1, Files.mismatch(pristine, first));
    }
}
