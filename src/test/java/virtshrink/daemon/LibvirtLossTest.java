package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.history.HistoryEntry.NightEnded;
import virtshrink.libvirt.PrivateLibvirtd;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.Phase;

/** A real libvirtd is killed or restarted in the middle of a night. Whatever the moment: one whole image, nothing left, and the next night works. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class LibvirtLossTest {
    @TempDir
    static Path directory;

    private RealHost host;
    private Path pristine;
    private Path image;

    @BeforeAll
    void startLibvirtd() throws IOException {
        host = RealHost.start(directory);
        pristine = UsedImage.qcow2(Files.createDirectory(directory.resolve("p")).resolve("web.qcow2"), 8);
        image = host.images.resolve("web.qcow2");
        Files.copy(pristine, image);
        host.libvirtd.defineDomain("web", PrivateLibvirtd.fileDisk("vda", image, "qcow2"));
    }

    @AfterAll
    void stopLibvirtd() throws IOException {
        if (host != null) {
            host.close();
        }
    }

    @BeforeEach
    void renewImage() throws IOException {
        Files.copy(pristine, image, StandardCopyOption.REPLACE_EXISTING);
    }

    /** What happens once, when the phase begins. */
    private static Consumer<Phase> once(Phase wanted, Action action) {
        boolean[] done = {false};
        return phase -> {
            if (phase == wanted && !done[0]) {
                done[0] = true;
                try {
                    action.happen();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        };
    }

    private interface Action {
        void happen() throws IOException;
    }

    private static DiskRun lastRun(List<HistoryEntry> night) {
        return night.stream()
                .filter(DiskRun.class::isInstance)
                .map(DiskRun.class::cast)
                .reduce((earlier, later) -> later)
                .orElseThrow();
    }

    /** The original, to the byte, or a new image with the same filesystem. */
    private void assertWhole(boolean shrunk) throws IOException {
        host.assertNothingIsLeft();
        assertEquals(!shrunk, Files.mismatch(pristine, image) == -1);
        PrivateLibvirtd.run(List.of("qemu-img", "check", "-q", image.toString()));
        Path raw = directory.resolve("raw");
        PrivateLibvirtd.run(List.of("qemu-img", "convert", "-O", "raw", image.toString(), raw.toString()));
        PrivateLibvirtd.run(List.of("e2fsck", "-fn", raw.toString()));
        Files.delete(raw);
    }

    private void assertNextNightShrinksIt() throws IOException {
        host.atPhase = phase -> {};
        host.atPhaseOfEstimate = phase -> {};
        DiskRun next = lastRun(host.night());
        assertEquals(Outcome.SHRUNK, next.outcome(), next::reason);
        assertWhole(true);
    }

    static Stream<Phase> phases() {
        return Stream.of(Phase.values());
    }

    @ParameterizedTest
    @MethodSource("phases")
    void aRestartedLibvirtdDoesNotStopTheRun(Phase phase) throws Exception {
        host.atPhase = once(phase, host.libvirtd::restart);
        List<HistoryEntry> night = host.night();
        DiskRun run = lastRun(night);
        assertEquals(Outcome.SHRUNK, run.outcome(), run::reason);
        assertEquals("", ((NightEnded) night.get(night.size() - 1)).reason());
        assertWhole(true);
    }

    @ParameterizedTest
    @MethodSource("phases")
    void aKilledLibvirtdMeansThatNothingIsReplaced(Phase phase) throws Exception {
        host.atPhase = once(phase, host.libvirtd::kill);
        try {
            DiskRun run = lastRun(host.night());
            assertEquals(Outcome.REFUSED, run.outcome(), run::reason);
            assertTrue(run.reason().contains("cannot be proven that the domain web is still shut off"), run::reason);
            assertWhole(false);
        } finally {
            host.libvirtd.restart();
        }
        assertNextNightShrinksIt();
    }

    /** The night waits for it, and goes on where it was. */
    @ParameterizedTest
    @EnumSource(
            value = Phase.class,
            names = {"INSPECT"})
    void aLibvirtdThatIsAbsentForAWhileIsWaitedFor(Phase phase) throws Exception {
        AtomicReference<CompletableFuture<Void>> restart = new AtomicReference<>();
        host.atPhaseOfEstimate = once(phase, () -> {
            host.libvirtd.kill();
            restart.set(CompletableFuture.runAsync(
                    () -> {
                        try {
                            host.libvirtd.restart();
                        } catch (IOException e) {
                            throw new UncheckedIOException(e);
                        }
                    },
                    CompletableFuture.delayedExecutor(500, TimeUnit.MILLISECONDS)));
        });
        DiskRun run = lastRun(host.night());
        restart.get().join();
        assertEquals(Outcome.SHRUNK, run.outcome(), run::reason);
        assertWhole(true);
    }

    @ParameterizedTest
    @EnumSource(
            value = Phase.class,
            names = {"ZERO", "SWAP"})
    void aDomainThatComesToLifeInMidRunKeepsItsImage(Phase phase) throws Exception {
        DomainReactions reactions = new DomainReactions(
                host.current, new AfterStop(), List::of, host.workshop().clock());
        host.atPhase = once(phase, () -> {
            // Nobody has installed the hook here, so the guest meets the run's lock, once.
            try {
                host.libvirtd.virsh("start", "web");
            } catch (IOException locked) {
                assertTrue(locked.getMessage().contains("lock"), locked::getMessage);
            }
            try (DomainLink link = new DomainLink(
                    host.workshop(), host.libvirtd.uri(), java.time.Duration.ZERO, java.util.Optional::empty)) {
                reactions.check(link);
            } catch (WorkOverException e) {
                throw new AssertionError(e);
            }
        });
        DiskRun run = lastRun(host.night());
        assertEquals(Outcome.YIELDED, run.outcome(), run::reason);
        assertTrue(run.reason().contains("failed to start"), run::reason);
        assertWhole(false);
        host.libvirtd.virsh("start", "web");
        host.libvirtd.virsh("destroy", "web");
        assertNextNightShrinksIt();
    }
}
