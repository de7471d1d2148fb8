package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import virtshrink.libvirt.DiskVerdict;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ShrinkRequest;

class ListCommandTest {
    private static final Path SYSTEM = Path.of("/images/system.qcow2");
    private static final Path DATA = Path.of("/images/data.qcow2");

    private final Cli cli = new Cli();

    @Test
    void showsEveryDiskWithItsFiguresOrItsReason() {
        cli.collaborators.verdicts.add(Samples.domain(
                "web",
                Samples.eligible("vda", SYSTEM),
                new DiskVerdict.Refused(Samples.disk("vdb", "disk", DATA), "db uses it too")));
        cli.collaborators.verdicts.add(Samples.refusedDomain("db", "the domain is running"));

        Cli.Result result = cli.run("list");

        assertEquals(0, result.status());
        assertEquals("""
                DOMAIN  STATE     DISK     TAKES  RECLAIMABLE  IMAGE, OR WHY IT IS LEFT ALONE
                -----------------------------------------------------------------------------
                web     shut off  vda   10.0 GiB      8.0 GiB  /images/system.qcow2
                                  vdb          -            -  db uses it too
                db      running   -            -            -  the domain is running

                reclaimable in all  8.0 GiB
                """, result.out());
        assertTrue(cli.collaborators.requests.stream().allMatch(ShrinkRequest::dryRun));
    }

    @Test
    void jsonTellsEligibilitySizesAndReasons() throws IOException {
        cli.collaborators.ending(Map.of("data.qcow2", Outcome.REFUSED));
        cli.collaborators.verdicts.add(
                Samples.domain("web", Samples.eligible("vda", SYSTEM), Samples.eligible("vdb", DATA)));

        Map<String, Object> json = cli.run("list --json").json();

        Map<?, ?> domain = (Map<?, ?>) ((List<?>) json.get("domains")).get(0);
        assertEquals("web", domain.get("domain"));
        assertEquals("shut off", domain.get("state"));
        assertEquals(true, domain.get("eligible"));
        Map<?, ?> first = (Map<?, ?>) ((List<?>) domain.get("disks")).get(0);
        assertEquals(true, first.get("eligible"));
        assertEquals(20 * Samples.GIB, first.get("fileBytes"));
        assertEquals(10 * Samples.GIB, first.get("allocatedBytes"));
        assertEquals(8 * Samples.GIB, first.get("reclaimableBytes"));
        Map<?, ?> second = (Map<?, ?>) ((List<?>) domain.get("disks")).get(1);
        assertEquals(false, second.get("eligible"));
        assertEquals("as told", second.get("reason"));
        assertNull(second.get("reclaimableBytes"));
    }

    @Test
    void hostWithoutDomainsSaysSo() {
        assertEquals("no domains\n", cli.run("list").out());
    }

    @Test
    void realConnectionListsTheTestDriversDomain() throws IOException {
        RealLibvirt.assume();
        TestScreen screen = new TestScreen(false);
        int status = Program.run(RealLibvirt.session(screen), "list", "--json", "-c", "test:///default");

        assertEquals(0, status, screen.errText());
        Map<String, Object> json = new Cli.Result(status, screen.outText(), "").json();
        assertEquals("test", ((Map<?, ?>) ((List<?>) json.get("domains")).get(0)).get("domain"));
    }

    @Test
    void unreachableHypervisorIsAFailureWithItsReason() throws IOException {
        RealLibvirt.assume();
        TestScreen screen = new TestScreen(false);
        int status = Program.run(RealLibvirt.session(screen), "list", "--json", "-c", "xen:///system");

        assertEquals(1, status);
        assertEquals(
                "failed", new Cli.Result(status, screen.outText(), "").json().get("outcome"));
        assertTrue(screen.errText().contains("xen:///system"), screen.errText());
    }
}
