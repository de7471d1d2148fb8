package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.SpanningDisks;

/** A night with domains whose volume group is on two disks. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class SpanningNightTest {
    @TempDir
    static Path directory;

    private static Path image(RealHost host, String domain, String target) {
        return host.images.resolve(domain + "-" + target + ".qcow2");
    }

    private static Map<String, DiskRun> night(RealHost host) throws IOException {
        Map<String, DiskRun> runs = new TreeMap<>();
        host.night().stream()
                .filter(DiskRun.class::isInstance)
                .map(DiskRun.class::cast)
                .forEach(run -> runs.put(run.domain() + " " + run.target(), run));
        return runs;
    }

    @Test
    void bothDisksAreShrunkAndOneThatIsExcludedStillHelpsTheOther() throws Exception {
        SpanningDisks.assumeTools();
        try (RealHost host = RealHost.start(directory)) {
            SpanningDisks disks = SpanningDisks.make(directory.resolve("disks"));
            for (String domain : List.of("both", "partly")) {
                host.libvirtd.defineDomain(
                        domain,
                        fileDisk("vda", disks.imageIn(image(host, domain, "vda"), 0), "qcow2"),
                        fileDisk("vdb", disks.imageIn(image(host, domain, "vdb"), 1), "qcow2"));
            }
            host.libvirtd.virsh(
                    "metadata",
                    "partly",
                    "urn:virt-shrink:policy:1.0",
                    "--key",
                    "v",
                    "--set",
                    "<policy exclude-disks='vdb'/>");
            Path excluded = image(host, "partly", "vdb");
            Path before = Files.copy(excluded, directory.resolve("before"));

            Map<String, DiskRun> runs = night(host);

            assertEquals("[both vda, both vdb, partly vda]", runs.keySet().toString());
            runs.forEach((disk, run) -> assertEquals(Outcome.SHRUNK, run.outcome(), () -> disk + ": " + run));
            DiskRun first =
                    runs.getOrDefault("both vda", runs.values().iterator().next());
            DiskRun partly = runs.getOrDefault("partly vda", first);
            assertTrue(Math.abs(disks.winnable(0) - first.reclaimableBytes()) < 1 << 20);
            assertEquals(first.reclaimableBytes(), partly.reclaimableBytes());
            assertTrue(first.notes().toString().contains("together with vdb"), first::toString);
            assertEquals(-1, Files.mismatch(before, excluded));
            for (String domain : List.of("both", "partly")) {
                disks.requireSameIn(image(host, domain, "vda"), image(host, domain, "vdb"));
            }
            host.assertNothingIsLeft();
            assertEquals(Map.of(), night(host), "nothing has changed since");
        }
    }
}
