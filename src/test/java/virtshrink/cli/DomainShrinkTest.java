package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;
import static virtshrink.libvirt.PrivateLibvirtd.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.os.FileStatus;

/** {@code virt-shrink domain} on real domains of a real libvirtd whose disks may be shrunk. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class DomainShrinkTest {
    @TempDir
    static Path directory;

    private DomainHost host;
    private DomainDiskFixture disks;
    private NavigableMap<String, String> tree;

    @BeforeAll
    void startLibvirtd() throws IOException {
        host = DomainHost.start(directory);
        disks = DomainDiskFixture.in(host.images);
        tree = disks.tree();
        assertEquals(33, tree.size(), tree::toString);
    }

    @AfterAll
    void stopLibvirtd() throws IOException {
        if (host != null) {
            host.close();
        }
    }

    private static long allocated(Path image) throws IOException {
        return FileStatus.of(image).allocatedBytes();
    }

    /** Shrunk, nothing left behind, every file unchanged, and the domain starts on the new image. */
    private Map<String, Object> assertShrinks(String domain, Path image, String format) throws IOException {
        long before = allocated(image);
        Object inode = Files.getAttribute(image, "unix:ino");
        Cli.Result result = host.run("domain", "--json", domain);
        assertEquals(0, result.status(), result::toString);
        Map<String, Object> json = result.json();
        assertEquals("shrunk", json.get("outcome"), json::toString);
        assertNotEquals(inode, Files.getAttribute(image, "unix:ino"));
        assertTrue(allocated(image) <= before - DomainDiskFixture.DELETED_BYTES, () -> json.toString());
        assertEquals(List.of(), host.leftovers());
        assertEquals(tree, disks.tree(image, format));
        assertStarts(domain, image);
        return json;
    }

    private void assertStarts(String domain, Path image) throws IOException {
        host.libvirtd.virsh("start", domain);
        assertTrue(host.hasOpen(domain, image), () -> domain + " does not have " + image + " open");
        host.libvirtd.virsh("destroy", domain);
    }

    private static Map<?, ?> onlyDisk(Map<String, Object> json) {
        List<?> found = (List<?>) json.get("disks");
        assertEquals(1, found.size(), json::toString);
        return (Map<?, ?>) found.get(0);
    }

    @Test
    void keepsEveryFileAndTheDomainStartsAfterwards() throws Exception {
        Path image = disks.qcow2("plain.qcow2");
        host.libvirtd.defineDomain("plain", fileDisk("vda", image, "qcow2"));
        long before = allocated(image);

        Map<String, Object> json = assertShrinks("plain", image, "qcow2");

        assertEquals(List.of("domain", "outcome", "reason", "disks", "notes"), List.copyOf(json.keySet()));
        Map<?, ?> disk = onlyDisk(json);
        assertEquals(
                List.of(
                        "image",
                        "target",
                        "format",
                        "virtualBytes",
                        "partitionTable",
                        "filesystems",
                        "before",
                        "after",
                        "reclaimableBytes",
                        "reclaimedBytes",
                        "outcome",
                        "reason",
                        "phasesMillis",
                        "notes"),
                List.copyOf(disk.keySet()));
        assertEquals(image.toString(), disk.get("image"));
        assertEquals("vda", disk.get("target"));
        assertEquals("gpt", disk.get("partitionTable"));
        assertEquals(before, number(disk, "before", "allocatedBytes"));
        assertEquals(allocated(image), number(disk, "after", "allocatedBytes"));
        assertEquals(Files.size(image), number(disk, "after", "fileBytes"));
        assertEquals(before - allocated(image), ((Number) disk.get("reclaimedBytes")).longValue());
        assertEquals(
                List.of("vda1 ext4 free-space", "vda2 swap free-space"),
                ((List<?>) disk.get("filesystems"))
                        .stream()
                                .map(filesystem -> (Map<?, ?>) filesystem)
                                .map(filesystem -> filesystem.get("device") + " " + filesystem.get("type") + " "
                                        + filesystem.get("state"))
                                .toList());
        assertEquals(
                Set.of("judge", "attach", "inspect", "estimate", "zero", "rebuild", "verify", "swap"),
                ((Map<?, ?>) disk.get("phasesMillis")).keySet());

        // Ran since, ended cleanly, and has nothing more to give.
        Cli.Result again = host.run("domain", "plain");
        assertEquals(0, again.status(), again::toString);
        assertTrue(again.out().contains("nothing to gain"), again.out());
    }

    private static long number(Map<?, ?> json, String part, String name) {
        return ((Number) ((Map<?, ?>) json.get(part)).get(name)).longValue();
    }

    @Test
    void showsAPersonWhatBecameOfTheDomain() throws Exception {
        Path image = disks.qcow2("shown.qcow2");
        host.libvirtd.defineDomain("shown", fileDisk("vda", image, "qcow2"));
        Cli.Result result = host.run("domain", "shown", "--keep-original", ".old");
        assertEquals(0, result.status(), result::toString);
        assertTrue(result.out().startsWith("domain shown\n\nvda  " + image + "  qcow2"), result.out());
        assertTrue(result.out().contains("the original is kept as " + image + ".old"), result.out());
        assertTrue(result.err().contains("shown: rebuild\n"), result.err());
        assertEquals(tree, disks.tree(Path.of(image + ".old"), "qcow2"));
        Files.delete(Path.of(image + ".old"));
    }

    @Test
    void poolShowsTheNewSizeOfAVolume() throws Exception {
        Path pool = Files.createDirectory(host.images.resolve("pool"));
        Path image = disks.qcow2("pool/web.qcow2");
        host.libvirtd.virsh("pool-create-as", "web", "dir", "--target", pool.toString());
        host.libvirtd.defineDomain("web", """
                <disk type='volume' device='disk'>
                  <driver name='qemu' type='qcow2'/>
                  <source pool='web' volume='web.qcow2'/>
                  <target dev='vda' bus='virtio'/>
                </disk>""");
        assertEquals(allocated(image), poolAllocation("web", "web.qcow2"));
        assertShrinks("web", image, "qcow2");
        assertEquals(allocated(image), poolAllocation("web", "web.qcow2"));
    }

    private long poolAllocation(String pool, String volume) throws IOException {
        return host.libvirtd
                .virsh("vol-info", "--bytes", "--pool", pool, volume)
                .lines()
                .filter(line -> line.startsWith("Allocation:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void symbolicLinkStaysAndItsTargetIsReplaced() throws Exception {
        Path elsewhere = Files.createDirectory(host.images.resolve("elsewhere"));
        Path image = disks.qcow2("elsewhere/target.qcow2");
        Path link = Files.createSymbolicLink(host.images.resolve("link.qcow2"), Path.of("elsewhere/target.qcow2"));
        host.libvirtd.defineDomain("linked", fileDisk("vda", link, "qcow2"));
        assertShrinks("linked", link, "qcow2");
        assertEquals(Path.of("elsewhere/target.qcow2"), Files.readSymbolicLink(link));
        try (var entries = Files.list(elsewhere)) {
            assertEquals(List.of(image), entries.toList());
        }
    }

    @Test
    void overlayShrinksAndKeepsItsBackingFile() throws Exception {
        Path image = disks.chain("overlay.qcow2", "base.qcow2");
        Path base = host.images.resolve("base.qcow2");
        byte[] before = Files.readAllBytes(base);
        host.libvirtd.defineDomain("overlay", fileDisk("vda", image, "qcow2"));
        assertShrinks("overlay", image, "qcow2");
        assertTrue(
                run(List.of("qemu-img", "info", image.toString())).contains("backing file: base.qcow2"),
                "the backing file's name must stay as it was");
        assertTrue(Arrays.equals(before, Files.readAllBytes(base)));
    }

    @Test
    void rawDiskBecomesSparse() throws Exception {
        Path image = disks.raw("plain.raw");
        host.libvirtd.defineDomain("raw", fileDisk("vda", image, "raw"));
        long size = Files.size(image);
        assertShrinks("raw", image, "raw");
        assertEquals(size, Files.size(image));
    }

    @Test
    void partitionTableOfADiskWithLargeSectorsIsRead() throws Exception {
        Path image = disks.qcow2WithLargeSectors("large-sectors.qcow2");
        String disk = fileDisk("vda", image, "qcow2");
        host.libvirtd.defineDomain("small", disk);
        Cli.Result wrong = host.run("estimate", "--json", "--domain", "small");
        assertNotEquals("gpt", onlyDisk(wrong.json()).get("partitionTable"), wrong::toString);
        host.libvirtd.virsh("undefine", "small");

        host.libvirtd.defineDomain(
                "large",
                disk.replace("</disk>", "<blockio logical_block_size='4096' physical_block_size='4096'/></disk>"));
        Map<String, Object> json = assertShrinks("large", image, "qcow2");
        assertEquals("gpt", onlyDisk(json).get("partitionTable"));
    }

    @Test
    void oneDiskIsShrunkWhileAnotherIsLeftAlone() throws Exception {
        Path good = disks.qcow2("good.qcow2");
        Path shared = disks.raw("shared.raw");
        Path medium = Files.write(host.images.resolve("medium.iso"), new byte[1 << 16]);
        host.libvirtd.defineDomain(
                "mixed",
                fileDisk("vda", good, "qcow2"),
                fileDisk("vdb", shared, "raw").replace("</disk>", "<shareable/></disk>"),
                "<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='%s'/><target dev='hdc' bus='ide'/><readonly/></disk>"
                        .formatted(medium));
        byte[] before = Files.readAllBytes(shared);

        Cli.Result result = host.run("domain", "--json", "mixed");

        assertEquals(3, result.status(), result::toString);
        assertEquals("refused", result.json().get("outcome"));
        List<?> reported = (List<?>) result.json().get("disks");
        assertEquals(
                List.of("shrunk", "refused", "refused"),
                reported.stream().map(disk -> ((Map<?, ?>) disk).get("outcome")).toList());
        assertTrue(((Map<?, ?>) reported.get(1)).get("reason").toString().contains("<shareable/>"));
        assertTrue(Arrays.equals(before, Files.readAllBytes(shared)));
        assertEquals(tree, disks.tree(good, "qcow2"));
        assertStarts("mixed", good);
    }

    @Test
    void swapIsLeftAloneWhenAFilesystemOfAnotherDiskIsDirty() throws Exception {
        Path clean = disks.qcow2("clean.qcow2");
        Path dirty = disks.dirty("dirty.qcow2");
        host.libvirtd.defineDomain("halfdone", fileDisk("vda", clean, "qcow2"), fileDisk("vdb", dirty, "qcow2"));
        byte[] before = Files.readAllBytes(dirty);

        Cli.Result result = host.run("domain", "--json", "halfdone");

        assertEquals(0, result.status(), result::toString);
        List<?> reported = (List<?>) result.json().get("disks");
        assertEquals(
                List.of("vda1 free-space", "vda2 unsupported", "vdb1 dirty", "vdb2 unsupported"),
                reported.stream()
                        .flatMap(disk -> ((List<?>) ((Map<?, ?>) disk).get("filesystems")).stream())
                        .map(filesystem ->
                                ((Map<?, ?>) filesystem).get("device") + " " + ((Map<?, ?>) filesystem).get("state"))
                        .toList());
        assertEquals("shrunk", ((Map<?, ?>) reported.get(0)).get("outcome"));
        assertEquals("nothing-to-gain", ((Map<?, ?>) reported.get(1)).get("outcome"));
        assertTrue(Arrays.equals(before, Files.readAllBytes(dirty)));
        assertEquals(tree, disks.tree(clean, "qcow2"));
    }

    @Test
    void twoDomainsWithDifferentOutcomesAreToldApart() throws Exception {
        Path idle = disks.qcow2("idle.qcow2");
        Path busy = disks.qcow2("busy.qcow2");
        host.libvirtd.defineDomain("idle", fileDisk("vda", idle, "qcow2"));
        host.libvirtd.defineDomain("busy", fileDisk("vda", busy, "qcow2"));
        host.libvirtd.virsh("start", "busy");

        Cli.Result result = host.run("domain", "--json", "idle", "busy", "nobody");

        assertEquals(1, result.status(), result::toString);
        List<?> domains = (List<?>) result.json().get("domains");
        assertEquals(
                List.of("idle shrunk", "busy refused", "nobody failed"),
                domains.stream()
                        .map(domain -> (Map<?, ?>) domain)
                        .map(domain -> domain.get("domain") + " " + domain.get("outcome"))
                        .toList());
        Cli.Result refused = host.run("domain", "--quiet", "idle", "busy");
        assertEquals(3, refused.status(), refused::toString);
        assertEquals("", refused.out());
        assertTrue(refused.err().startsWith("virt-shrink: busy: refused: the domain busy is running"), refused.err());
        assertFalse(host.leftovers().iterator().hasNext());
        host.libvirtd.virsh("destroy", "busy");
    }
}
