package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import virtshrink.os.FileStatus;
import virtshrink.shrink.Phase;

/** {@code virt-shrink list} and {@code estimate --domain} on a real libvirtd: they tell, write nothing, and are in nobody's way. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class DomainListingTest {
    @TempDir
    static Path directory;

    private DomainHost host;
    private Path idle;
    private Path twin;
    private Path busy;

    @BeforeAll
    void startLibvirtd() throws IOException {
        host = DomainHost.start(directory);
        DomainDiskFixture disks = DomainDiskFixture.in(host.images);
        idle = disks.qcow2("idle.qcow2");
        twin = disks.hibernated("twin.qcow2");
        busy = disks.qcow2("busy.qcow2");
        host.libvirtd.defineDomain(
                "idle",
                fileDisk("vda", idle, "qcow2"),
                "<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/><readonly/></disk>");
        host.libvirtd.defineDomain(
                "asleep",
                fileDisk("vda", twin, "qcow2"),
                fileDisk("vdb", host.images.resolve("missing.qcow2"), "qcow2"));
        host.libvirtd.defineDomain("busy", fileDisk("vda", busy, "qcow2"));
        host.libvirtd.defineDomain("diskless");
        host.libvirtd.virsh("start", "busy");
    }

    @AfterAll
    void stopLibvirtd() throws IOException {
        if (host != null) {
            host.close();
        }
    }

    /** Every file of the host's images with what a write, or a mere change of attributes, would alter. */
    private Map<String, String> state() throws IOException {
        Map<String, String> state = new TreeMap<>();
        try (Stream<Path> files = Files.walk(host.images)) {
            for (Path file : files.toList()) {
                state.put(
                        file.toString(),
                        Files.readAttributes(file, "unix:ino,size,mode,lastModifiedTime,ctime")
                                .toString());
            }
        }
        return state;
    }

    private static Map<String, Map<?, ?>> byName(List<?> objects, String name) {
        Map<String, Map<?, ?>> found = new LinkedHashMap<>();
        objects.forEach(object -> found.put(((Map<?, ?>) object).get(name).toString(), (Map<?, ?>) object));
        return found;
    }

    private static Map<String, Map<?, ?>> disks(Map<?, ?> domain) {
        return byName((List<?>) domain.get("disks"), "target");
    }

    @Test
    void listTellsOfEveryDomainAndDiskWhetherItIsEligibleOrWhyNot() throws Exception {
        Map<String, String> before = state();
        Cli.Result result = host.run("list", "--json");
        assertEquals(0, result.status(), result::toString);
        assertEquals(before, state());

        Map<String, Map<?, ?>> domains = byName((List<?>) result.json().get("domains"), "domain");
        assertEquals(4, domains.size());
        assertEquals("shut off", domains.get("idle").get("state"));
        Map<?, ?> eligible = disks(domains.get("idle")).get("vda");
        assertEquals(true, eligible.get("eligible"), eligible::toString);
        assertEquals(idle.toString(), eligible.get("image"));
        assertEquals(Files.size(idle), ((Number) eligible.get("fileBytes")).longValue());
        assertEquals(FileStatus.of(idle).allocatedBytes(), ((Number) eligible.get("allocatedBytes")).longValue());
        assertTrue(
                ((Number) eligible.get("reclaimableBytes")).longValue() >= DomainDiskFixture.DELETED_BYTES,
                eligible::toString);
        assertTrue(
                disks(domains.get("idle")).get("hdc").get("reason").toString().contains("cdrom"));

        assertEquals("running", domains.get("busy").get("state"));
        assertEquals(false, domains.get("busy").get("eligible"));
        assertTrue(domains.get("busy").get("reason").toString().contains("is running, not shut off"));
        assertNull(disks(domains.get("busy")).get("vda").get("reclaimableBytes"));
        assertEquals(
                Files.size(busy),
                ((Number) disks(domains.get("busy")).get("vda").get("fileBytes")).longValue());

        Map<String, Map<?, ?>> asleep = disks(domains.get("asleep"));
        assertEquals(false, asleep.get("vda").get("eligible"));
        assertTrue(asleep.get("vda").get("reason").toString().contains("vda2"), asleep::toString);
        assertTrue(asleep.get("vdb").get("reason").toString().contains("does not exist"), asleep::toString);
        assertNull(asleep.get("vdb").get("fileBytes"));
        assertEquals(List.of(), domains.get("diskless").get("disks"));
    }

    @Test
    void listShowsAPersonTheSame() throws Exception {
        Cli.Result result = host.run("list");
        assertEquals(0, result.status(), result::toString);
        List<String> lines = result.out().lines().toList();
        assertTrue(lines.get(0).startsWith("DOMAIN "), result.out());
        assertTrue(lines.stream().anyMatch(line -> line.matches("idle +shut off +vda +.*MiB +.*MiB +" + idle)));
        assertTrue(
                lines.stream()
                        .anyMatch(line -> line.matches("busy +running +vda +.*MiB +- +the domain busy is running.*")),
                result.out());
        assertTrue(
                lines.stream().anyMatch(line -> line.matches("diskless +shut off +- +- +- +no disks")), result.out());
        assertEquals("", result.err());
    }

    @Test
    void estimateWritesNothing() throws Exception {
        Map<String, String> before = state();
        Cli.Result result = host.run("estimate", "--json", "--domain", "idle", "--domain", "busy");
        assertEquals(3, result.status(), result::toString);
        Map<String, Map<?, ?>> domains = byName((List<?>) result.json().get("domains"), "domain");
        Map<?, ?> disk = disks(domains.get("idle")).get("vda");
        assertTrue(((Number) disk.get("reclaimableBytes")).longValue() >= DomainDiskFixture.DELETED_BYTES);
        assertEquals(0, ((Number) disk.get("reclaimedBytes")).intValue());
        assertEquals("refused", domains.get("busy").get("outcome"));
        Cli.Result dry = host.run("domain", "--dry-run", "idle");
        assertEquals(0, dry.status(), dry::toString);
        assertEquals(before, state());
    }

    @ParameterizedTest
    @EnumSource(
            value = Phase.class,
            names = {"JUDGE", "ATTACH", "INSPECT", "ESTIMATE"})
    void guestStartsWhileItsDisksAreLookedAt(Phase phase) throws Exception {
        host.at(phase, () -> host.libvirtd.virsh("start", "idle"));
        Cli.Result result = host.run("estimate", "--domain", "idle");
        assertTrue(host.hasOpen("idle", idle), result::toString);
        host.libvirtd.virsh("destroy", "idle");
        assertTrue(List.of(0, 3).contains(result.status()), result::toString);
    }

    @Test
    void unknownDomainIsNamed() throws Exception {
        Cli.Result result = host.run("domain", "--json", "nobody");
        assertEquals(1, result.status(), result::toString);
        assertEquals("nobody", result.json().get("domain"));
        assertEquals("failed", result.json().get("outcome"));
        assertEquals("virt-shrink: nobody: failed: there is no domain of this name\n", result.err());
        assertEquals(1, host.run("estimate", "--domain", "nobody").status());
        String uuid = host.libvirtd.virsh("domuuid", "idle").strip();
        assertEquals(0, host.run("domain", "--dry-run", uuid).status(), "a UUID is as good as a name");
    }
}
