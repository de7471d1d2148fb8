package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import virtshrink.libvirt.DiskVerdict;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ShrinkRequest;

class DomainCommandTest {
    private static final Path SYSTEM = Path.of("/images/system.qcow2");
    private static final Path DATA = Path.of("/images/data.qcow2");

    private final Cli cli = new Cli();

    @Test
    void connectsToTheSystemUnlessToldOtherwise() {
        cli.run("domain web");
        assertEquals("qemu:///system", cli.collaborators.connectedTo);

        cli.run("domain --connect test:///default web");
        assertEquals("test:///default", cli.collaborators.connectedTo);

        cli.run("--connect qemu:///session domain web");
        assertEquals("qemu:///session", cli.collaborators.connectedTo);
    }

    @Test
    void shrinksAllEligibleDisksTogetherAndRefreshesTheirPools() {
        cli.collaborators.verdicts.add(
                Samples.domain("web", Samples.eligible("vda", SYSTEM), Samples.eligible("vdb", DATA)));

        Cli.Result result = cli.run("domain web");

        assertEquals(0, result.status(), result.err());
        assertEquals(
                List.of(SYSTEM, DATA),
                cli.collaborators.requests.stream().map(ShrinkRequest::image).toList());
        assertEquals(List.of(SYSTEM, DATA), cli.collaborators.changedImages);
        assertTrue(result.out().startsWith("domain web\n"), result.out());
        assertTrue(result.out().contains("2 disks  reclaimed 16.0 GiB of 20.0 GiB\n"), result.out());
    }

    @Test
    void optionsOfTheRunReachEveryDisk() {
        cli.collaborators.verdicts.add(Samples.domain("web", Samples.eligible("vda", SYSTEM)));

        cli.run("domain --dry-run --keep-original .bak web");

        ShrinkRequest request = cli.collaborators.requests.get(0);
        assertTrue(request.dryRun());
        assertEquals(Optional.of(".bak"), request.keepOriginalSuffix());
        assertEquals(Optional.of("vda"), request.target());
        assertEquals(List.of(), cli.collaborators.changedImages);
    }

    @Test
    void runningDomainIsRefusedWithItsReason() throws IOException {
        cli.collaborators.verdicts.add(
                Samples.refusedDomain("web", "the domain is running", Samples.disk("vda", "disk", SYSTEM)));

        Cli.Result plain = cli.run("domain web");
        Map<String, Object> json = cli.run("domain --json web").json();

        assertEquals(3, plain.status());
        assertEquals("virt-shrink: web: refused: the domain is running\n", plain.err());
        assertEquals("web", json.get("domain"));
        assertEquals("refused", json.get("outcome"));
        assertEquals("the domain is running", json.get("reason"));
        assertEquals(List.of(), cli.collaborators.requests);
    }

    @Test
    void unknownDomainIsAFailure() throws IOException {
        Cli.Result result = cli.run("domain --json nobody");

        assertEquals(1, result.status());
        assertEquals("failed", result.json().get("outcome"));
        assertTrue(result.err().contains("nobody"), result.err());
    }

    @Test
    void diskThatIsLeftAloneIsReportedBesideTheOthers() throws IOException {
        DiskVerdict shared = new DiskVerdict.Refused(Samples.disk("vdb", "disk", DATA), "another domain uses it");
        cli.collaborators.verdicts.add(Samples.domain("web", Samples.eligible("vda", SYSTEM), shared));

        Cli.Result plain = cli.run("domain web");
        Cli.Result json = cli.run("domain --json web");

        assertEquals(3, plain.status());
        assertTrue(plain.out().contains("vdb  left alone  another domain uses it\n"), plain.out());
        assertTrue(plain.err().contains("virt-shrink: web, vdb: refused: another domain uses it\n"), plain.err());
        List<?> disks = (List<?>) json.json().get("disks");
        assertEquals("shrunk", ((Map<?, ?>) disks.get(0)).get("outcome"));
        Map<?, ?> left = (Map<?, ?>) disks.get(1);
        assertEquals("refused", left.get("outcome"));
        assertEquals("another domain uses it", left.get("reason"));
        assertEquals("vdb", left.get("target"));
        assertEquals("/images/data.qcow2", left.get("image"));
        assertEquals(Map.of("fileBytes", 0, "allocatedBytes", 0), left.get("before"));
        assertEquals(0, left.get("reclaimedBytes"));
    }

    @Test
    void cdromThatIsLeftAloneIsNoRefusal() {
        DiskVerdict cdrom = new DiskVerdict.Refused(Samples.disk("sdc", "cdrom", DATA), "it is a cdrom");
        cli.collaborators.verdicts.add(Samples.domain("web", Samples.eligible("vda", SYSTEM), cdrom));

        Cli.Result result = cli.run("domain web");

        assertEquals(0, result.status());
        assertTrue(result.out().contains("it is a cdrom"), result.out());
    }

    @Test
    void severalDomainsAreAListAndTheWorstDecides() throws IOException {
        cli.collaborators.ending(Map.of("data.qcow2", Outcome.FAILED));
        cli.collaborators.verdicts.add(Samples.domain("web", Samples.eligible("vda", SYSTEM)));
        cli.collaborators.verdicts.add(Samples.domain("db", Samples.eligible("vda", DATA)));

        Cli.Result result = cli.run("domain --json web db");

        assertEquals(1, result.status());
        assertEquals(2, ((List<?>) result.json().get("domains")).size());
    }

    @Test
    void poolThatCannotBeRefreshedIsANote() throws IOException {
        cli.collaborators.refreshFailure = Optional.of(new LibvirtUnavailableException("libvirt is gone"));
        cli.collaborators.verdicts.add(Samples.domain("web", Samples.eligible("vda", SYSTEM)));

        Cli.Result result = cli.run("domain --json web");

        assertEquals(0, result.status());
        assertEquals(
                List.of("the storage pool still shows the old size: libvirt is gone"),
                result.json().get("notes"));
    }

    @Test
    void realConnectionToTheTestDriverRefusesItsRunningDomain() {
        RealLibvirt.assume();
        TestScreen screen = new TestScreen(false);
        int status = Program.run(RealLibvirt.session(screen), "domain", "--connect", "test:///default", "test");

        assertEquals(3, status, screen.errText());
        assertTrue(screen.errText().contains("running"), screen.errText());
    }

    @Test
    void wantsAName() {
        assertEquals(2, cli.run("domain").status());
    }
}
