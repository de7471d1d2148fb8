package virtshrink.libvirt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.image.ImageFormat;
import virtshrink.shrink.FileSize;
import virtshrink.shrink.ShrinkRequest;
import virtshrink.shrink.ShrinkRequest.IdleGuard;

/** Real domains of a real libvirtd, and what is said of each. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class RealDomainsTest {
    @TempDir
    static Path directory;

    private Path images;
    private PrivateLibvirtd libvirtd;
    private Hypervisor hypervisor;

    @BeforeAll
    void startLibvirtd() throws IOException {
        PrivateLibvirtd.assumePossible();
        images = Files.createDirectory(directory.resolve("images"));
        libvirtd = PrivateLibvirtd.start(Files.createDirectory(directory.resolve("d")));
    }

    @AfterAll
    void stopLibvirtd() throws IOException {
        if (libvirtd != null) {
            libvirtd.close();
        }
    }

    @BeforeEach
    void connect() throws IOException {
        hypervisor = Hypervisor.open(libvirtd.uri());
    }

    @AfterEach
    void disconnect() throws IOException {
        hypervisor.close();
    }

    private Path image(String name, String... createOptions) throws IOException {
        Path image = images.resolve(name);
        List<String> command = new ArrayList<>(List.of("qemu-img", "create", "-q", "-f", "qcow2"));
        command.addAll(Arrays.asList(createOptions));
        command.add(image.toString());
        if (createOptions.length == 0) {
            command.add("16M");
        }
        PrivateLibvirtd.run(command);
        return image;
    }

    private DomainVerdict judge(String domain) throws IOException {
        return new Eligibility(hypervisor, libvirtd.domainLogDirectory())
                .judge(domain)
                .orElseThrow();
    }

    private ShrinkRequest onlyRequest(String domain) throws IOException {
        DomainVerdict verdict = judge(domain);
        assertEquals(1, verdict.requests().size(), verdict::toString);
        return verdict.requests().get(0);
    }

    private String reason(String domain, String target) throws IOException {
        return judge(domain).disks().stream()
                .filter(verdict -> verdict.disk().target().equals(target))
                .map(verdict -> verdict instanceof DiskVerdict.Refused refused ? refused.reason() : "eligible")
                .findFirst()
                .orElseThrow();
    }

    private void assertRefused(String domain, String target, String words) throws IOException {
        String reason = reason(domain, target);
        assertTrue(reason.contains(words), reason);
    }

    @Test
    void allowsADomainThatNeverRanAndOneThatWasDestroyed() throws Exception {
        Path image = image("plain.qcow2");
        libvirtd.defineDomain("plain", fileDisk("vda", image, "qcow2"));
        ShrinkRequest request = onlyRequest("plain");
        assertEquals(image, request.image());
        assertEquals(ImageFormat.QCOW2, request.format());
        assertEquals(Optional.of("vda"), request.target());
        assertEquals(512, request.sectorBytes());
        assertEquals(Optional.empty(), request.guard().whyNotNow());

        libvirtd.virsh("start", "plain");
        assertRefused("plain", "vda", "is running, not shut off");
        libvirtd.virsh("suspend", "plain");
        assertRefused("plain", "vda", "is paused, not shut off");
        libvirtd.virsh("destroy", "plain");
        assertEquals(
                Optional.of(ShutoffReason.DESTROYED), judge("plain").domain().shutoffReason());
        assertEquals("eligible", reason("plain", "vda"));
    }

    @Test
    void understandsNamesBeyondAscii() throws Exception {
        libvirtd.defineDomain("grün 1", fileDisk("vda", image("green.qcow2"), "qcow2"));
        assertEquals("eligible", reason("grün 1", "vda"));
    }

    @Test
    void refusesAManagedSaveAndWhatIsLeftWhenItIsGivenUp() throws Exception {
        libvirtd.defineDomain("saved", fileDisk("vda", image("saved.qcow2"), "qcow2"));
        libvirtd.virsh("start", "saved");
        libvirtd.virsh("managedsave", "saved");
        assertRefused("saved", "vda", "managed save image");
        libvirtd.virsh("managedsave-remove", "saved");
        assertRefused("saved", "vda", "was saved to a file");
    }

    @Test
    void refusesInternalAndExternalSnapshots() throws Exception {
        Path inside = image("inside.qcow2");
        libvirtd.defineDomain("inside", fileDisk("vda", inside, "qcow2"));
        libvirtd.virsh("snapshot-create-as", "inside", "before-update");
        assertRefused("inside", "vda", "1 snapshot that");

        Path beside = image("beside.qcow2");
        libvirtd.defineDomain("beside", fileDisk("vda", beside, "qcow2"));
        libvirtd.virsh("snapshot-create-as", "beside", "s1", "--disk-only");
        assertRefused("beside", "vda", "1 snapshot that");
        // The snapshot knows of a file that the other domain's definition names as its disk.
        libvirtd.defineDomain("neighbour", fileDisk("vda", beside, "qcow2"));
        assertRefused("neighbour", "vda", "of the domain beside");
    }

    @Test
    void refusesAnImageThatTwoDomainsUseEvenThroughALink() throws Exception {
        Path image = image("both.qcow2");
        Path link = Files.createSymbolicLink(images.resolve("link.qcow2"), image);
        libvirtd.defineDomain("first", fileDisk("vda", image, "qcow2"));
        assertEquals("eligible", reason("first", "vda"));
        libvirtd.defineDomain("second", fileDisk("vdb", link, "qcow2"));
        assertRefused("first", "vda", "is also disk vdb of the domain second");
        assertRefused("second", "vdb", "is also disk vda of the domain first");
    }

    @Test
    void refusesAnImageThatOnlyARunningInstanceUses() throws Exception {
        Path image = image("plugged.qcow2");
        libvirtd.defineDomain("quiet", fileDisk("vda", image, "qcow2"));
        assertEquals("eligible", reason("quiet", "vda"));
        libvirtd.defineDomain("host", fileDisk("vda", image("host.qcow2"), "qcow2"));
        libvirtd.virsh("start", "host");
        libvirtd.virsh("attach-disk", "host", image.toString(), "vdb", "--subdriver", "qcow2", "--live");
        assertRefused("quiet", "vda", "is also in use by disk vdb of the domain host");
        libvirtd.virsh("destroy", "host");
        assertEquals("eligible", reason("quiet", "vda"));
    }

    @Test
    void refusesABackingFileOfAnotherDomain() throws Exception {
        Path base = image("base.qcow2");
        Path middle = image("middle.qcow2", "-b", "base.qcow2", "-F", "qcow2");
        Path top = image("top.qcow2", "-b", middle.toString(), "-F", "qcow2");
        libvirtd.defineDomain("base", fileDisk("vda", base, "qcow2"));
        libvirtd.defineDomain("top", fileDisk("vda", top, "qcow2"));
        assertRefused("base", "vda", "is a backing file of disk vda of the domain top");
        assertEquals("eligible", reason("top", "vda"));
    }

    @Test
    void refusesABackingFileOfAVolume() throws Exception {
        Path pool = Files.createDirectory(directory.resolve("volumes"));
        Path base = image("../volumes/golden.qcow2").normalize();
        image("../volumes/clone.qcow2", "-b", base.toString(), "-F", "qcow2");
        libvirtd.defineDomain("golden", fileDisk("vda", base, "qcow2"));
        assertEquals("eligible", reason("golden", "vda"));
        libvirtd.virsh("pool-create-as", "clones", "dir", "--target", pool.toString());
        assertRefused("golden", "vda", "is a backing file of volume clone.qcow2 of the storage pool clones");
        // What a dead run left is no user of the image.
        Files.move(pool.resolve("clone.qcow2"), pool.resolve(".golden.qcow2.virt-shrink-1a.overlay.qcow2"));
        libvirtd.virsh("pool-refresh", "clones");
        assertEquals("eligible", reason("golden", "vda"));
    }

    @Test
    void findsTheFileOfAVolumeAndRefreshesItsPool() throws Exception {
        Path pool = Files.createDirectory(directory.resolve("pool"));
        libvirtd.virsh("pool-create-as", "web", "dir", "--target", pool.toString());
        libvirtd.virsh("vol-create-as", "web", "web.qcow2", "16M", "--format", "qcow2");
        libvirtd.defineDomain("web", volumeDisk("web", "web.qcow2"));
        ShrinkRequest request = onlyRequest("web");
        assertEquals(pool.resolve("web.qcow2"), request.image());
        assertEquals(ImageFormat.QCOW2, request.format());

        image("../pool/new.qcow2");
        assertEquals(List.of("web"), hypervisor.refreshPoolsHolding(pool.resolve("web.qcow2")));
        assertTrue(libvirtd.virsh("vol-list", "web").contains("new.qcow2"));

        libvirtd.defineDomain("gone", volumeDisk("web", "gone.qcow2"));
        assertRefused("gone", "vda", "knows no volume gone.qcow2");
        libvirtd.virsh("pool-destroy", "web");
        libvirtd.defineDomain("lost", volumeDisk("web", "web.qcow2"));
        assertRefused("lost", "vda", "does not exist");
    }

    private static String volumeDisk(String pool, String volume) {
        return "<disk type='volume' device='disk'><driver name='qemu' type='qcow2'/><source pool='%s' volume='%s'/><target dev='vda' bus='virtio'/></disk>"
                .formatted(pool, volume);
    }

    @Test
    void refusesAnImageWhosePoolKnowsAnotherBackingFile() throws Exception {
        Path pool = Files.createDirectory(directory.resolve("stale"));
        Path base = image("old-base.qcow2");
        Path top = image("../stale/top.qcow2", "-b", base.toString(), "-F", "qcow2")
                .normalize();
        libvirtd.virsh("pool-create-as", "stale", "dir", "--target", pool.toString());
        libvirtd.defineDomain("stale", fileDisk("vda", top, "qcow2"));
        assertEquals("eligible", reason("stale", "vda"));
        PrivateLibvirtd.run(List.of("qemu-img", "rebase", "-u", "-b", "", top.toString()));
        assertRefused("stale", "vda", "virsh pool-refresh stale");
    }

    @Test
    void takesARawDiskForRawWhateverItsFirstSectorSays() throws Exception {
        Path imitation = image("imitation.raw", "-b", image("victim.qcow2").toString(), "-F", "qcow2");
        libvirtd.defineDomain("imitator", fileDisk("vda", imitation, "raw"));
        libvirtd.defineDomain("victim", fileDisk("vda", images.resolve("victim.qcow2"), "qcow2"));
        assertEquals(ImageFormat.RAW, onlyRequest("imitator").format());
        // Nor does a pool that guesses make its guest's lie come true.
        Path pool = Files.createDirectory(directory.resolve("guessing"));
        Files.createLink(pool.resolve("imitation.raw"), imitation);
        libvirtd.virsh("pool-create-as", "guessing", "dir", "--target", pool.toString());
        assertEquals("eligible", reason("victim", "vda"));
        assertEquals(ImageFormat.RAW, onlyRequest("imitator").format());
    }

    @Test
    void goesByTheLogWhenLibvirtdHasForgotten() throws Exception {
        for (String name : List.of("ended", "kept", "cut")) {
            libvirtd.defineDomain(name, fileDisk("vda", image(name + ".qcow2"), "qcow2"));
            libvirtd.virsh("start", name);
        }
        libvirtd.virsh("destroy", "ended");
        libvirtd.virsh("destroy", "cut");
        libvirtd.virsh("save", "kept", directory.resolve("kept.state").toString());
        assertRefused("kept", "vda", "was saved to a file");
        Path log = libvirtd.domainLogDirectory().resolve("cut.log");
        Files.writeString(log, Files.readString(log).replaceAll("(?m)^.*shutting down.*\n", ""));

        hypervisor.close();
        libvirtd.restart();
        connect();
        assertEquals(Optional.of(ShutoffReason.UNKNOWN), judge("ended").domain().shutoffReason());
        assertEquals("eligible", reason("ended", "vda"));
        assertRefused("kept", "vda", "the last run ended as 'saved'");
        assertRefused("cut", "vda", "host went down");
    }

    @Test
    void theGuardNoticesAStartASnapshotAndANewDefinition() throws Exception {
        Path image = image("guarded.qcow2");
        libvirtd.defineDomain("guarded", fileDisk("vda", image, "qcow2"));
        IdleGuard guard = onlyRequest("guarded").guard();
        assertEquals(Optional.empty(), guard.whyNotNow());

        libvirtd.virsh("start", "guarded");
        assertTrue(guard.whyNotNow().orElseThrow().contains("is running"));
        libvirtd.virsh("destroy", "guarded");
        assertEquals(Optional.empty(), guard.whyNotNow());

        libvirtd.virsh("snapshot-create-as", "guarded", "s1");
        assertTrue(guard.whyNotNow().orElseThrow().contains("1 snapshot"));
        libvirtd.virsh("snapshot-delete", "guarded", "s1");
        assertEquals(Optional.empty(), guard.whyNotNow());

        libvirtd.virsh("detach-disk", "guarded", "vda", "--config");
        libvirtd.virsh(
                "attach-disk", "guarded", image("other.qcow2").toString(), "vda", "--subdriver", "qcow2", "--config");
        assertTrue(guard.whyNotNow().orElseThrow().contains("was changed"));
        libvirtd.virsh("undefine", "guarded");
        assertTrue(guard.whyNotNow().orElseThrow().contains("no longer defined"));
    }

    @Test
    void theGuardTrustsNoLostConnectionButAsksOverANewOne() throws Exception {
        libvirtd.defineDomain("alone", fileDisk("vda", image("alone.qcow2"), "qcow2"));
        IdleGuard guard = onlyRequest("alone").guard();
        libvirtd.kill();
        assertTrue(guard.whyNotNow().orElseThrow().contains("cannot be proven"));
        libvirtd.restart();
        assertEquals(Optional.empty(), guard.whyNotNow());
        libvirtd.virsh("start", "alone");
        assertTrue(guard.whyNotNow().orElseThrow().contains("is running"));
    }

    @Test
    void listsEveryDomainWithSizesAndReasons() throws Exception {
        Path image = image("listed.qcow2");
        libvirtd.defineDomain(
                "listed",
                fileDisk("vda", image, "qcow2"),
                "<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/><readonly/></disk>");
        DomainListing listing = DomainListing.of(
                new Eligibility(hypervisor, libvirtd.domainLogDirectory()).judgeAll(),
                file -> new FileSize(Files.size(file), 0));
        DomainListing.Entry entry = listing.domains().stream()
                .filter(domain -> domain.name().equals("listed"))
                .findFirst()
                .orElseThrow();
        DomainListing.Row disk = entry.disks().get(0);
        assertTrue(disk.eligible());
        assertEquals(Optional.of(new FileSize(Files.size(image), 0)), disk.size());
        DomainListing.Row drive = entry.disks().get(1);
        assertEquals(Optional.empty(), drive.size());
        assertTrue(drive.reason().orElseThrow().contains("cdrom"));
    }
}
