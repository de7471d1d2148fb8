package virtshrink.originals;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import virtshrink.daemon.UsedImage;
import virtshrink.image.RunDirectory;
import virtshrink.libvirt.DiskHost;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.Eligibility;
import virtshrink.libvirt.Hypervisor;
import virtshrink.libvirt.LibvirtDiskHost;
import virtshrink.libvirt.PrivateLibvirtd;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.KeepOriginal;
import virtshrink.shrink.OriginalsPolicy;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.RawDisks;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.Shrinker;

/** Real domains with images worth shrinking, and everything that looks after their originals. */
final class OriginalsFixture implements AutoCloseable {
    static final OriginalsPolicy THREE_DAYS = policy("3d", RawDisks.KEEP, "until-clean-stop");
    static final OriginalsPolicy UNTIL_CLEAN_STOP = policy("until-clean-stop", RawDisks.KEEP, "until-clean-stop");
    static final OriginalsPolicy CONVERT = policy("no", RawDisks.CONVERT, "3d");

    final PrivateLibvirtd libvirtd;
    final Path images;
    final Path state;
    final Path runs;
    private Hypervisor hypervisor;
    final Originals originals;

    private OriginalsFixture(Path directory, PrivateLibvirtd libvirtd) throws IOException {
        this.libvirtd = libvirtd;
        this.images = Files.createDirectory(directory.resolve("images"));
        this.state = directory.resolve("state");
        this.runs = directory.resolve("runs");
        this.hypervisor = Hypervisor.open(libvirtd.uri());
        this.originals = new Originals(state);
    }

    /** @param directory empty and short */
    static OriginalsFixture start(Path directory) throws IOException {
        PrivateLibvirtd.assumePossible();
        return new OriginalsFixture(directory, PrivateLibvirtd.start(Files.createDirectory(directory.resolve("d"))));
    }

    static OriginalsPolicy policy(String keep, RawDisks raw, String keepConverted) {
        return new OriginalsPolicy(KeepOriginal.parse(keep), raw, KeepOriginal.parse(keepConverted));
    }

    /** A domain with one disk of that format and name. */
    Path define(String domain, String file, String format) throws IOException {
        Path image = images.resolve(file);
        if (format.equals("raw")) {
            UsedImage.raw(image, 8);
        } else {
            UsedImage.qcow2(image, 8);
        }
        libvirtd.defineDomain(domain, fileDisk("vda", image, format));
        return image;
    }

    DiskHost host() {
        return new LibvirtDiskHost(hypervisor, libvirtd.domainLogDirectory());
    }

    RunDirectory runs() throws IOException {
        return RunDirectory.at(runs);
    }

    DomainVerdict verdict(String domain) throws IOException {
        return new Eligibility(hypervisor, libvirtd.domainLogDirectory())
                .judge(domain)
                .orElseThrow();
    }

    /** A run as the daemon makes it. */
    ShrinkReport shrink(String domain, OriginalsPolicy policy) throws IOException {
        return shrink(domain, policy, Clock.systemUTC(), host -> host, ProgressListener.SILENT);
    }

    ShrinkReport shrink(
            String domain,
            OriginalsPolicy policy,
            Clock clock,
            UnaryOperator<DiskHost> hostAsSeen,
            ProgressListener progress)
            throws IOException {
        DomainVerdict verdict = verdict(domain);
        assertEquals(Optional.empty(), verdict.refusal());
        Keeping keeping = Keeping.begin(originals, verdict.domain(), verdict.requests(), policy, clock);
        List<ShrinkReport> reports = new Shrinker().runTogether(keeping.requests(), progress, new Cancellation());
        List<ShrinkReport> settled =
                keeping.finish(reports, runs(), new Cancellation(), () -> hostAsSeen.apply(host()));
        assertEquals(1, settled.size());
        return settled.get(0);
    }

    List<Upkeep.Deed> upkeepIn(Duration time) throws IOException {
        List<Upkeep.Deed> deeds = new ArrayList<>();
        new Upkeep(originals, host(), at(time), deeds::add).run();
        return deeds;
    }

    /** A clock that stands still, that much ahead. */
    static Clock at(Duration time) {
        return Clock.fixed(Instant.now().plus(time), ZoneOffset.UTC);
    }

    List<String> restore(String domain, boolean discardChanges) throws Exception {
        KeptOriginal newest = kept(domain).get(kept(domain).size() - 1);
        return new Restore(originals, host(), runs(), Clock.systemUTC())
                .run(newest, discardChanges, new Cancellation());
    }

    List<KeptOriginal> kept(String domain) throws IOException {
        return originals.all().stream()
                .filter(kept -> kept.domain().equals(domain))
                .toList();
    }

    /** What lies beside an image and has its name in its own. */
    List<String> beside(String name) throws IOException {
        try (Stream<Path> files = Files.list(images)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(file -> file.contains(name))
                    .sorted()
                    .toList();
        }
    }

    String definition(String domain) throws IOException {
        return libvirtd.virsh("dumpxml", "--inactive", "--security-info", domain);
    }

    /** Starts the guest and lets it end as if it had shut down from within. */
    void runCleanly(String domain) throws IOException {
        libvirtd.virsh("start", domain);
        // QEMU that is asked to end tells libvirt of a shutdown, as it does when the guest powers itself off.
        List<ProcessHandle> guests =
                libvirtd.processes().filter(process -> isGuest(process, domain)).toList();
        assertEquals(1, guests.size());
        guests.get(0).destroy();
        libvirtd.awaitState(domain, "shut off");
    }

    private static boolean isGuest(ProcessHandle process, String domain) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(process.pid()), "cmdline"))
                    .contains("guest=" + domain + ",");
        } catch (IOException ended) {
            return false;
        }
    }

    /** The packaged hook, as an administrator installs it, except that runs and processes are seen from inside this libvirtd's namespaces. */
    void installHook() throws IOException {
        Path hooks = Files.createDirectories(libvirtd.hooksDirectory().resolve("qemu.d"));
        String script = Files.readString(Path.of("packaging/libvirt-hook/virt-shrink"))
                .replace("\nproc=/proc\n", "\nproc=" + libvirtd.outerProcesses() + "\n")
                .replace(":-/run/virt-shrink}", ":-" + runs + "}");
        Path hook = Files.writeString(hooks.resolve("virt-shrink"), script);
        Files.setPosixFilePermissions(hook, PosixFilePermissions.fromString("rwxr-xr-x"));
        hypervisor.close();
        libvirtd.restart();
        hypervisor = Hypervisor.open(libvirtd.uri());
    }

    /** What a guest does that stores something. */
    static void write(Path image, String format) throws IOException {
        PrivateLibvirtd.run(List.of("qemu-io", "-f", format, "-c", "write -P 7 4M 64k", image.toString()));
    }

    static String sha256(Path file) throws IOException {
        return PrivateLibvirtd.run(List.of("sha256sum", file.toString())).substring(0, 64);
    }

    @Override
    public void close() throws IOException {
        hypervisor.close();
        libvirtd.close();
    }
}
