package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ShrinkRequest;

class EstimateCommandTest {
    private final Cli cli = new Cli();

    @Test
    void onlyAsksForDryRuns() {
        cli.collaborators.verdicts.add(Samples.domain("web", Samples.eligible("vda", Path.of("/i/web.qcow2"))));

        assertEquals(0, cli.run("estimate a.qcow2 b.raw --domain web").status());

        assertEquals(3, cli.collaborators.requests.size());
        assertTrue(cli.collaborators.requests.stream().allMatch(ShrinkRequest::dryRun));
    }

    @Test
    void jsonOfOneImageIsItsReport() throws IOException {
        Map<String, Object> json = cli.run("estimate --json a.qcow2").json();

        assertEquals("a.qcow2", json.get("image"));
        assertEquals(8 * Samples.GIB, json.get("reclaimableBytes"));
    }

    @Test
    void jsonOfOneDomainIsItsReport() throws IOException {
        cli.collaborators.verdicts.add(Samples.domain("web", Samples.eligible("vda", Path.of("/i/web.qcow2"))));

        Map<String, Object> json = cli.run("estimate --json --domain web").json();

        assertEquals("web", json.get("domain"));
        assertEquals("vda", ((Map<?, ?>) ((List<?>) json.get("disks")).get(0)).get("target"));
    }

    @Test
    void jsonOfSeveralIsAList() throws IOException {
        cli.collaborators.verdicts.add(Samples.domain("web"));

        Map<String, Object> images = cli.run("estimate --json a.qcow2 b.qcow2").json();
        Map<String, Object> mixed =
                cli.run("estimate --json a.qcow2 --domain web").json();

        assertEquals(List.of("disks"), List.copyOf(images.keySet()));
        assertEquals(2, ((List<?>) images.get("disks")).size());
        assertEquals(List.of("disks", "domains"), List.copyOf(mixed.keySet()));
    }

    @Test
    void worstOutcomeIsTheExitCode() {
        cli.collaborators.ending(
                Map.of("r.qcow2", Outcome.REFUSED, "f.qcow2", Outcome.FAILED, "y.qcow2", Outcome.YIELDED));

        assertEquals(3, cli.run("estimate a.qcow2 r.qcow2").status());
        assertEquals(4, cli.run("estimate r.qcow2 y.qcow2 a.qcow2").status());
        assertEquals(1, cli.run("estimate r.qcow2 y.qcow2 f.qcow2 a.qcow2").status());
    }

    @Test
    void everyFormatIsKnownBeforeAnyWork() {
        assertEquals(2, cli.run("estimate a.qcow2 b.what").status());
        assertEquals(List.of(), cli.collaborators.requests);
    }

    @Test
    void showsWhatCouldBeReclaimedAndClaimsNothing() {
        String out = cli.run("estimate a.qcow2").out();

        assertTrue(out.contains("  reclaimable  8.0 GiB  (80.0 %)\n"), out);
        assertFalse(out.contains("reclaimed"), out);
        assertFalse(out.contains("shrunk"), out);
    }

    @Test
    void wantsAnImageOrADomain() {
        assertEquals(2, cli.run("estimate").status());
    }
}
