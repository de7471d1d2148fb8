package virtshrink.originals;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.job.DomainJob;
import virtshrink.job.DomainResult;
import virtshrink.job.RunSettings;
import virtshrink.job.Surroundings;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;
import virtshrink.shrink.ShrinkRequest.Filler;
import virtshrink.shrink.Shrinker;

/** Whose domain is named is shrunk whatever its policy says of the time and the gain; its original is kept all the same. */
@Timeout(60)
class OnDemandOriginalsTest {
    @TempDir
    Path directory;

    private OriginalsFixture host;

    @BeforeEach
    void start() throws IOException {
        host = OriginalsFixture.start(directory);
    }

    @AfterEach
    void stop() throws Exception {
        host.close();
    }

    private DomainResult run(String domain, Optional<String> suffix) throws IOException {
        RunSettings settings = new RunSettings(false, suffix, Optional.empty(), Filler.AUTO, false, false);
        return new DomainJob(new Here(), settings)
                .run(host.verdict(domain), ProgressListener.SILENT, new Cancellation());
    }

    private final class Here implements Surroundings {
        @Override
        public List<ShrinkReport> shrinkTogether(
                List<ShrinkRequest> disks, ProgressListener progress, Cancellation cancellation) {
            return new Shrinker().runTogether(disks, progress, cancellation);
        }

        @Override
        public Originals originals() {
            return host.originals;
        }

        @Override
        public void changed(Path image) {}

        @Override
        public Optional<String> remember(DiskRun run) {
            return Optional.empty();
        }

        @Override
        public Instant now() {
            return Instant.now();
        }
    }

    private Path defineWithPolicy(String policy) throws IOException {
        Path image = host.define("web", "web.qcow2", "qcow2");
        host.libvirtd.virsh(
                "metadata",
                "web",
                "urn:virt-shrink:policy:1.0",
                "--key",
                "virt-shrink",
                "--set",
                "<policy " + policy + "/>");
        return image;
    }

    @Test
    void originalIsKeptAsTheDomainsOwnPolicySays() throws Exception {
        Path image = defineWithPolicy("keep-original='3d' min-reclaim='90%'");
        byte[] before = Files.readAllBytes(image);

        DomainResult result = run("web", Optional.empty());

        assertEquals(Outcome.SHRUNK, result.outcome(), result::toString);
        KeptOriginal kept = host.kept("web").get(0);
        assertTrue(Arrays.equals(before, Files.readAllBytes(kept.original().file())));
        host.restore("web", false);
        assertTrue(Arrays.equals(before, Files.readAllBytes(image)));
    }

    @Test
    void suffixThatIsNamedHasTheLastWord() throws Exception {
        Path image = defineWithPolicy("keep-original='3d'");
        assertEquals(Outcome.SHRUNK, run("web", Optional.of(".before")).outcome());
        assertTrue(Files.exists(image.resolveSibling("web.qcow2.before")));
        assertEquals(List.of(), host.kept("web"));
    }

    @Test
    void withoutRoomForTheRecordNothingIsDone() throws Exception {
        Path image = defineWithPolicy("keep-original='3d'");
        byte[] before = Files.readAllBytes(image);
        // A file where the directory would be.
        Files.writeString(host.state, "");

        DomainResult result = run("web", Optional.empty());

        assertEquals(Outcome.FAILED, result.outcome(), result::toString);
        assertTrue(Arrays.equals(before, Files.readAllBytes(image)));
        Files.delete(host.state);
    }
}
