package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;

import java.io.IOException;
import java.io.UncheckedIOException;
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
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.history.History;
import virtshrink.libvirt.DomainPolicy;
import virtshrink.libvirt.Hypervisor;
import virtshrink.libvirt.InvalidPolicyException;
import virtshrink.libvirt.PolicySetting;
import virtshrink.libvirt.PrivateLibvirtd;
import virtshrink.os.FileStatus;
import virtshrink.schedule.Schedule;
import virtshrink.schedule.Selection;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.OriginalsPolicy;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;
import virtshrink.shrink.Shrinker;

/** A night with real domains that have policies of their own. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class PolicyNightTest {
    @TempDir
    static Path directory;

    private Path images;
    private PrivateLibvirtd libvirtd;
    private final List<String> attached = new ArrayList<>();

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

    private void define(String name, String... targets) throws IOException {
        List<String> disks = new ArrayList<>();
        for (String target : targets) {
            disks.add(fileDisk(target, UsedImage.qcow2(images.resolve(name + "-" + target), 8), "qcow2"));
        }
        libvirtd.defineDomain(name, disks.toArray(String[]::new));
    }

    private void policy(String name, PolicySetting setting, String text) {
        try (Hypervisor hypervisor = Hypervisor.open(libvirtd.uri())) {
            DomainPolicy policy = DomainPolicy.of(Map.of(setting.key(), text));
            assertEquals(
                    Optional.empty(),
                    hypervisor.storePolicy(hypervisor.domain(name).orElseThrow(), policy));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InvalidPolicyException e) {
            throw new IllegalArgumentException(e);
        }
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
                Selection.ALL,
                new MinimumGain(1 << 30, 0),
                Duration.ZERO,
                Duration.ZERO,
                false,
                false,
                false,
                OriginalsPolicy.STANDARD);
    }

    private List<ShrinkReport> run(List<ShrinkRequest> disks, ProgressListener progress, Cancellation cancellation) {
        for (ShrinkRequest disk : disks) {
            String image = String.valueOf(disk.image().getFileName());
            attached.add(image + (disk.dryRun() ? "?" : ""));
            if (image.equals("late-vda")) {
                // Its owner has second thoughts while the night is under way.
                policy("late", PolicySetting.DISABLED, "yes");
            }
        }
        return new Shrinker().runTogether(disks, progress, cancellation);
    }

    @Test
    void theDaemonDoesAsEachDomainsOwnPolicySays() throws Exception {
        define("disabled", "vda");
        define("eager", "vda", "vdb");
        define("late", "vda");
        define("plain", "vda");
        define("unclear", "vda");
        policy("disabled", PolicySetting.DISABLED, "yes");
        policy("late", PolicySetting.MIN_RECLAIM, "1M");
        libvirtd.virsh(
                "metadata",
                "eager",
                "urn:virt-shrink:policy:1.0",
                "--key",
                "virt-shrink",
                "--set",
                "<policy min-reclaim='1M' exclude-disks='vdb'/>");
        libvirtd.virsh(
                "metadata", "unclear", "urn:virt-shrink:policy:1.0", "--key", "v", "--set", "<policy><off/></policy>");
        FileStatus untouched = FileStatus.of(images.resolve("disabled-vda"));

        try (History history = History.open(directory.resolve("history"))) {
            Workshop workshop = new Workshop(
                    uri -> new LibvirtDomains(Hypervisor.open(uri), libvirtd.domainLogDirectory()),
                    this::run,
                    history,
                    Clock.tickMillis(ZoneOffset.UTC),
                    new CurrentWork(),
                    FakeHost.neighbour(1, 1),
                    line -> {});
            new Night(workshop, libvirtd.uri(), schedule(), Instant.now()).run();
        }

        assertEquals(
                List.of("eager-vda", "eager-vda?", "eager-vdb?", "eager-vdb?", "late-vda?", "plain-vda?"),
                attached.stream().sorted().toList(),
                "only a look at the disk that is excluded, a look at those below the configured minimum");
        assertTrue(FileStatus.of(images.resolve("disabled-vda")).unchangedSince(untouched));
        assertTrue(FileStatus.of(images.resolve("eager-vda")).allocatedBytes() < 2 << 20);
        assertTrue(FileStatus.of(images.resolve("eager-vdb")).allocatedBytes() > 4 << 20);
    }
}
