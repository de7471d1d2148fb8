package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.NavigableMap;
import java.util.Random;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import virtshrink.shrink.Phase;

/** A real domain that starts, or changes otherwise, while its disk is being shrunk. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class StartingGuestTest {
    @TempDir
    static Path directory;

    private DomainHost host;
    private DomainDiskFixture disks;
    private NavigableMap<String, String> tree;
    private int count;

    private String domain = "";
    private Path image = Path.of("");
    private byte[] before = new byte[0];

    @BeforeAll
    void startLibvirtd() throws IOException {
        host = DomainHost.start(directory);
        disks = DomainDiskFixture.in(host.images);
        tree = disks.tree();
    }

    @AfterAll
    void stopLibvirtd() throws IOException {
        if (host != null) {
            host.close();
        }
    }

    private void define(String name) throws IOException {
        domain = name + count++;
        image = disks.qcow2(domain + ".qcow2");
        before = Files.readAllBytes(image);
        host.libvirtd.defineDomain(domain, fileDisk("vda", image, "qcow2"));
    }

    private void start() throws IOException {
        host.libvirtd.virsh("start", domain);
    }

    private void assertFailsOnTheLock() {
        try {
            start();
        } catch (IOException failed) {
            assertTrue(String.valueOf(failed.getMessage()).contains("Failed to get \"write\" lock"), failed::toString);
            return;
        }
        throw new AssertionError("the domain started while its disk was held");
    }

    private void assertOriginalIsUntouched() throws IOException {
        assertTrue(Arrays.equals(before, Files.readAllBytes(image)), "the image was changed");
        assertEquals(List.of(), host.leftovers());
    }

    private void assertRefused(Cli.Result result, String words) throws IOException {
        assertEquals(3, result.status(), result::toString);
        assertTrue(result.json().toString().contains(words), result::toString);
        assertOriginalIsUntouched();
    }

    /** Whoever runs, runs on the file that has the image's name; and it can be started if it does not. */
    private void assertRunsOrCanBeStarted() throws IOException {
        if (host.guest(domain).isEmpty()) {
            start();
        }
        assertTrue(host.hasOpen(domain, image), "the guest runs on another file than " + image);
        host.libvirtd.virsh("destroy", domain);
        assertEquals(tree, disks.tree(image, "qcow2"));
        assertEquals(List.of(), host.leftovers());
    }

    @ParameterizedTest
    @EnumSource(value = Phase.class, names = "JUDGE", mode = EnumSource.Mode.EXCLUDE)
    void startFailsOnTheLockInEveryPhase(Phase phase) throws Exception {
        define("locked");
        Cli.Result result = host.at(phase, this::assertFailsOnTheLock).run("domain", "--json", domain);
        assertRefused(result, "it failed to start");
        assertRunsOrCanBeStarted();
    }

    @ParameterizedTest
    @EnumSource(
            value = Phase.class,
            names = {"REBUILD", "VERIFY"})
    void startFailsOnTheLockWhileToolsRun(Phase phase) throws Exception {
        define("working");
        Cli.Result result = host.during(phase, this::assertFailsOnTheLock).run("domain", "--json", domain);
        assertRefused(result, "it failed to start");
        assertRunsOrCanBeStarted();
    }

    @Test
    void startBeforeTheLockWins() throws Exception {
        define("early");
        Cli.Result result = host.beforeTheRun(this::start).run("domain", "--json", domain);
        assertRefused(result, "is running");
        assertRunsOrCanBeStarted();
    }

    @Test
    void startJustBeforeTheSwapFailsOnTheLockAndTheSwapIsDone() throws Exception {
        define("late");
        Cli.Result result = host.justBeforeTheSwap(this::assertFailsOnTheLock).run("domain", "--json", domain);
        assertEquals(0, result.status(), result::toString);
        assertRunsOrCanBeStarted();
    }

    /** The opener has the file open and is asleep when the files are to be exchanged. */
    @Test
    void guestThatHasOpenedButNotLockedKeepsItsImage() throws Exception {
        define("sleepy");
        host.slowEmulator(domain, image, "fcntl:delay_enter=1500000:when=1");
        assertSlowGuestStartsOnTheOriginal();
    }

    /** QEMU opens an image for reading, then again by its name for writing, and looks for locks on the first only. */
    @Test
    void guestThatIsAboutToOpenASecondTimeKeepsItsImage() throws Exception {
        define("twice");
        host.slowEmulator(domain, image, "openat:delay_enter=1500000:when=2");
        assertSlowGuestStartsOnTheOriginal();
    }

    private void assertSlowGuestStartsOnTheOriginal() throws Exception {
        AtomicReference<Future<?>> start = new AtomicReference<>();
        Cli.Result result = host.justBeforeTheSwap(() -> start.set(host.startUntilOpen(domain, image)))
                .run("domain", "--json", domain);
        assertRefused(result, "is open in another process");
        start.get().get(30, TimeUnit.SECONDS);
        assertFalse(host.guest(domain).isEmpty(), "the guest did not start");
        assertRunsOrCanBeStarted();
        assertTrue(Arrays.equals(before, Files.readAllBytes(image)), "the image was changed");
    }

    @Test
    void startAtARandomMomentEitherFailsOnTheLockOrRunsOnTheWholeImage() throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int i = 0; i < 5; i++) {
            define("random");
            int delayMillis = random.nextInt(1200);
            Future<Boolean> started = host.later(delayMillis, () -> {
                try {
                    start();
                    return true;
                } catch (IOException failed) {
                    assertTrue(
                            String.valueOf(failed.getMessage()).contains("Failed to get \"write\" lock"),
                            failed::toString);
                    return false;
                }
            });
            Cli.Result result = host.run("domain", "--json", domain);
            String what = "seed %d, %d ms: started %s, %s"
                    .formatted(seed, delayMillis, started.get(60, TimeUnit.SECONDS), result);
            assertTrue(List.of(0, 3).contains(result.status()), what);
            assertEquals(started.get(), !host.guest(domain).isEmpty(), what);
            if (result.status() == 3) {
                assertTrue(Arrays.equals(before, Files.readAllBytes(image)), what);
            }
            assertRunsOrCanBeStarted();
        }
    }

    @Test
    void undefinedDomainIsLeftAlone() throws Exception {
        define("gone");
        Cli.Result result = host.at(Phase.VERIFY, () -> host.libvirtd.virsh("undefine", domain))
                .run("domain", "--json", domain);
        assertRefused(result, "is no longer defined");
    }

    @Test
    void snapshotTakenInMidRunIsRespected() throws Exception {
        define("snapped");
        Cli.Result result = host.at(
                        Phase.VERIFY, () -> host.libvirtd.virsh("snapshot-create-as", domain, "s1", "--disk-only"))
                .run("domain", "--json", domain);
        assertRefused(result, "1 snapshot");
    }

    @Test
    void diskThatTheDomainNoLongerHasIsLeftAlone() throws Exception {
        define("changed");
        Cli.Result result = host.at(Phase.REBUILD, () -> host.libvirtd.virsh("detach-disk", domain, "vda", "--config"))
                .run("domain", "--json", domain);
        assertRefused(result, "was changed");
    }

    @Test
    void domainSavedBetweenJudgementAndLockIsLeftAlone() throws Exception {
        define("napping");
        Cli.Result result = host.beforeTheRun(() -> {
                    start();
                    host.libvirtd.virsh("managedsave", domain);
                })
                .run("domain", "--json", domain);
        assertRefused(result, "managed save image");
    }

    @Test
    void lostLibvirtdMeansThatNothingIsReplaced() throws Exception {
        define("orphan");
        Cli.Result result = host.at(Phase.REBUILD, host.libvirtd::kill).run("domain", "--json", domain);
        host.libvirtd.restart();
        assertRefused(result, "it cannot be proven that the domain");
        Cli.Result next = host.run("domain", domain);
        assertEquals(0, next.status(), next::toString);
        assertRunsOrCanBeStarted();
    }

    /** Only a blemish: the image is the new one, but nobody could tell the pools. */
    @Test
    void libvirtdLostAfterTheLastQuestionDoesNotUndoTheSwap() throws Exception {
        define("blemish");
        Cli.Result result = host.justBeforeTheSwap(host.libvirtd::kill).run("domain", "--json", domain);
        host.libvirtd.restart();
        assertEquals(0, result.status(), result::toString);
        assertTrue(result.json().get("notes").toString().contains("still shows the old size"), result::toString);
        assertRunsOrCanBeStarted();
    }
}
