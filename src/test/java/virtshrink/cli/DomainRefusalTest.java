package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;
import static virtshrink.libvirt.PrivateLibvirtd.run;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code virt-shrink domain} on real domains of a real libvirtd whose disks must not be touched. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class DomainRefusalTest {
    @TempDir
    static Path directory;

    private DomainHost host;
    private DomainDiskFixture disks;

    @BeforeAll
    void startLibvirtd() throws IOException {
        host = DomainHost.start(directory);
        disks = DomainDiskFixture.in(host.images);
    }

    @AfterAll
    void stopLibvirtd() throws IOException {
        if (host != null) {
            host.close();
        }
    }

    private Path defined(String domain) throws IOException {
        Path image = disks.qcow2(domain + ".qcow2");
        host.libvirtd.defineDomain(domain, fileDisk("vda", image, "qcow2"));
        return image;
    }

    /** Exit code 3, the reason in both outputs, nothing left behind, and every byte of the image as before. */
    private void assertRefused(String domain, Path image, String words) throws IOException {
        byte[] before = Files.readAllBytes(image);
        Object inode = Files.getAttribute(image, "unix:ino");
        Cli.Result result = host.run("domain", "--json", domain);
        assertEquals(3, result.status(), result::toString);
        Map<String, Object> json = result.json();
        assertEquals("refused", json.get("outcome"), json::toString);
        Map<?, ?> disk = (Map<?, ?>) ((List<?>) json.get("disks")).get(0);
        assertEquals("refused", disk.get("outcome"), json::toString);
        assertTrue(disk.get("reason").toString().contains(words), json::toString);
        assertTrue(result.err().startsWith("virt-shrink: "), result.err());
        assertTrue(result.err().contains(words), result.err());
        assertEquals(List.of(), host.leftovers());
        assertEquals(inode, Files.getAttribute(image, "unix:ino"));
        assertTrue(Arrays.equals(before, Files.readAllBytes(image)), "the image was changed");
    }

    @Test
    void runningPausedAndCrashed() throws Exception {
        Path image = defined("busy");
        host.libvirtd.virsh("start", "busy");
        assertRefused("busy", image, "the domain busy is running, not shut off");
        host.libvirtd.virsh("suspend", "busy");
        assertRefused("busy", image, "the domain busy is paused, not shut off");
        host.killGuest("busy");
        host.libvirtd.awaitState("busy", "shut off");
        assertRefused("busy", image, "crashed");
        host.libvirtd.virsh("start", "busy");
        host.libvirtd.virsh("destroy", "busy");
        assertEquals(0, host.run("domain", "busy").status());
    }

    @Test
    void savedByLibvirtOrIntoAFile() throws Exception {
        Path image = defined("saved");
        host.libvirtd.virsh("start", "saved");
        host.libvirtd.virsh("managedsave", "saved");
        assertRefused("saved", image, "managed save image");
        host.libvirtd.virsh("managedsave-remove", "saved");
        assertRefused("saved", image, "was saved to a file");
    }

    @Test
    void snapshotsInsideAndBeside() throws Exception {
        Path inside = defined("inside");
        host.libvirtd.virsh("snapshot-create-as", "inside", "before-update");
        assertRefused("inside", inside, "1 snapshot");
        // libvirt has forgotten it, the image has not.
        host.libvirtd.virsh("snapshot-delete", "inside", "before-update", "--metadata");
        assertRefused("inside", inside, "snapshot");

        Path beside = defined("beside");
        host.libvirtd.virsh("snapshot-create-as", "beside", "s1", "--disk-only");
        assertRefused("beside", beside, "1 snapshot");
        host.libvirtd.virsh("snapshot-delete", "beside", "s1", "--metadata");
        assertEquals(0, host.run("domain", "beside").status(), "the overlay is the domain's own now");
        host.libvirtd.virsh("detach-disk", "beside", "vda", "--config");
        host.libvirtd.defineDomain("base", fileDisk("vda", beside, "qcow2"));
        assertRefused("base", beside, "backing file");
    }

    @Test
    void sharedWithAnotherDomain() throws Exception {
        Path image = defined("first");
        Path link = Files.createSymbolicLink(host.images.resolve("second.qcow2"), image);
        host.libvirtd.defineDomain("second", fileDisk("vdb", link, "qcow2"));
        assertRefused("first", image, "is also disk vdb of the domain second");
        assertRefused("second", image, "is also disk vda of the domain first");
    }

    @Test
    void backingFileOfADomainOrOfAnyFileBeside() throws Exception {
        Path base = defined("golden");
        Path top = host.images.resolve("unknown-to-libvirt.qcow2");
        run(List.of("qemu-img", "create", "-q", "-f", "qcow2", "-b", "golden.qcow2", "-F", "qcow2", top.toString()));
        assertRefused("golden", base, "is the backing file of " + top);
        host.libvirtd.defineDomain("clone", fileDisk("vda", top, "qcow2"));
        assertRefused("golden", base, "is a backing file of disk vda of the domain clone");
    }

    @Test
    void everyDiskOfADomainWithASuspendedGuest() throws Exception {
        Path clean = disks.qcow2("awake.qcow2");
        Path hibernated = disks.hibernated("asleep.qcow2");
        host.libvirtd.defineDomain("dreamer", fileDisk("vda", clean, "qcow2"), fileDisk("vdb", hibernated, "qcow2"));
        byte[] other = Files.readAllBytes(hibernated);
        assertRefused("dreamer", clean, "disk vdb: vdb2:");
        assertTrue(Arrays.equals(other, Files.readAllBytes(hibernated)));
    }

    @Test
    void everyKindOfDiskThatIsNoPlainImageWithItsReason() throws Exception {
        Path raw = disks.raw("kinds.raw");
        Map<String, String> reasons = new LinkedHashMap<>();
        StringBuilder xml = new StringBuilder(fileDisk("vda", disks.qcow2("kinds.qcow2"), "qcow2"));
        xml.append(kind("vdb", raw, "<shareable/>"));
        reasons.put("vdb", "<shareable/>");
        xml.append(kind("vdc", disks.raw("readonly.raw"), "<readonly/>"));
        reasons.put("vdc", "<readonly/>");
        xml.append(kind("vdd", disks.raw("transient.raw"), "<transient/>"));
        reasons.put("vdd", "<transient/>");
        xml.append("""
                <disk type='file' device='cdrom'><source file='%s'/><target dev='hdc' bus='ide'/></disk>
                <disk type='file' device='floppy'><source file='%s'/><target dev='fda' bus='fdc'/></disk>
                <disk type='block' device='disk'><source dev='/dev/null'/><target dev='vde' bus='virtio'/></disk>
                <disk type='network' device='disk'>
                  <source protocol='nbd' name='x'><host name='localhost' port='1'/></source>
                  <target dev='vdf' bus='virtio'/>
                </disk>
                <disk type='file' device='disk'>
                  <driver name='qemu' type='raw'/>
                  <source file='%s'>
                    <encryption format='luks'><secret type='passphrase' usage='none'/></encryption>
                  </source>
                  <target dev='vdg' bus='virtio'/>
                </disk>
                <disk type='file' device='disk'>
                  <driver name='qemu' type='vmdk'/>
                  <source file='%s'/><target dev='vdh' bus='virtio'/>
                </disk>
                """.formatted(
                disks.raw("medium.iso"), disks.raw("floppy.img"), disks.raw("luks.raw"), disks.raw("kind.vmdk")));
        reasons.put("hdc", "cdrom");
        reasons.put("fda", "floppy");
        reasons.put("vde", "block device");
        reasons.put("vdf", "network storage");
        reasons.put("vdg", "<encryption>");
        reasons.put("vdh", "vmdk");
        host.libvirtd.defineDomain("kinds", xml.toString());
        byte[] before = Files.readAllBytes(raw);

        Cli.Result result = host.run("domain", "--json", "kinds");

        assertEquals(3, result.status(), result::toString);
        Map<String, Map<?, ?>> byTarget = new LinkedHashMap<>();
        for (Object disk : (List<?>) result.json().get("disks")) {
            byTarget.put(((Map<?, ?>) disk).get("target").toString(), (Map<?, ?>) disk);
        }
        assertEquals("shrunk", byTarget.get("vda").get("outcome"));
        reasons.forEach((target, words) -> {
            Map<?, ?> disk = byTarget.get(target);
            assertEquals("refused", disk.get("outcome"), disk::toString);
            assertTrue(disk.get("reason").toString().contains(words), disk::toString);
        });
        for (String untouched : List.of(
                "kinds.raw", "readonly.raw", "transient.raw", "medium.iso", "floppy.img", "luks.raw", "kind.vmdk")) {
            assertTrue(Arrays.equals(before, Files.readAllBytes(host.images.resolve(untouched))), untouched);
        }
    }

    private static String kind(String target, Path image, String mark) {
        return fileDisk(target, image, "raw").replace("</disk>", mark + "</disk>");
    }

    @Test
    void rawDiskThatImitatesQcow2IsARawDiskOfUnknownContent() throws Exception {
        Path victim = disks.qcow2("victim.qcow2");
        Path imitation = host.images.resolve("imitation.raw");
        run(List.of(
                "qemu-img",
                "create",
                "-q",
                "-f",
                "qcow2",
                "-b",
                victim.toString(),
                "-F",
                "qcow2",
                imitation.toString()));
        host.libvirtd.defineDomain("imitator", fileDisk("vda", imitation, "raw"));
        byte[] before = Files.readAllBytes(imitation);
        byte[] victimBefore = Files.readAllBytes(victim);

        Cli.Result result = host.run("domain", "--json", "imitator");

        assertEquals(0, result.status(), result::toString);
        Map<?, ?> disk = (Map<?, ?>) ((List<?>) result.json().get("disks")).get(0);
        assertEquals("nothing-to-gain", disk.get("outcome"), disk::toString);
        // The file's own length, in whole sectors, not the size in the header.
        assertEquals((before.length + 511) / 512 * 512, ((Number) disk.get("virtualBytes")).intValue());
        assertTrue(Arrays.equals(before, Files.readAllBytes(imitation)));
        assertTrue(Arrays.equals(victimBefore, Files.readAllBytes(victim)));
    }

    @Test
    void rawDiskWithAQcow2HeaderInItsBootCodeStaysRaw() throws Exception {
        Path victim = disks.qcow2("second-victim.qcow2");
        Path header = host.images.resolve("header.qcow2");
        run(List.of(
                "qemu-img", "create", "-q", "-f", "qcow2", "-b", victim.toString(), "-F", "qcow2", header.toString()));
        Path image = disks.raw("boot-code.raw");
        byte[] bootCode = Arrays.copyOf(Files.readAllBytes(header), 440);
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.write(bootCode);
        }
        Files.delete(header);
        host.libvirtd.defineDomain("boot-code", fileDisk("vda", image, "raw"));

        Cli.Result result = host.run("domain", "--json", "boot-code");

        assertEquals(0, result.status(), result::toString);
        assertEquals("shrunk", result.json().get("outcome"), result::toString);
        assertTrue(Arrays.equals(bootCode, Arrays.copyOf(Files.readAllBytes(image), 440)));
        assertEquals(disks.tree(), disks.tree(image, "raw"));
    }

    @ParameterizedTest
    @CsvSource({
        "nonsense, not a libvirt connection URI",
        "qemu+ssh://root@elsewhere/system, leads to another host",
        "xen:///system, not supported",
        "qemu+unix:///system?socket=/nonexistent/socket, is its daemon running",
    })
    void badConnectionIsAClearFailure(String uri, String words) throws IOException {
        for (String[] command : new String[][] {{"domain", "web"}, {"list"}, {"estimate", "--domain", "web"}}) {
            TestScreen screen = new TestScreen(false);
            String[] arguments = Arrays.copyOf(command, command.length + 3);
            arguments[command.length] = "--json";
            arguments[command.length + 1] = "--connect";
            arguments[command.length + 2] = uri;
            int status = Program.run(RealLibvirt.session(screen), arguments);
            Cli.Result result = new Cli.Result(status, screen.outText(), screen.errText());
            assertEquals(1, result.status(), result::toString);
            assertEquals("failed", result.json().get("outcome"));
            assertTrue(result.err().contains(words), result.err());
        }
    }
}
