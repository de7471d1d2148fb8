package virtshrink.libvirt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Events of a real libvirtd, and what is left of a connection when that one ends or hangs. */
@SuppressWarnings("try") // A watch speaks through what it was given; it is only to be ended.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class DomainWatchTest {
    private static final long PATIENCE_SECONDS = 40;

    @TempDir
    static Path directory;

    private PrivateLibvirtd libvirtd;
    private final BlockingQueue<String> heard = new LinkedBlockingQueue<>();

    @BeforeAll
    void startLibvirtd() throws IOException {
        PrivateLibvirtd.assumePossible();
        libvirtd = PrivateLibvirtd.start(Files.createDirectory(directory.resolve("d")));
    }

    @AfterAll
    void stopLibvirtd() throws IOException {
        if (libvirtd != null) {
            libvirtd.close();
        }
    }

    private final class Ear implements DomainWatch.Listener {
        private String last = "";

        @Override
        public void changed(DomainChange change) {
            String said = change.name() + " " + change.kind();
            // libvirt tells a start twice or thrice: started, resumed.
            if (!said.equals(last)) {
                heard.add(said);
            }
            last = said;
        }

        @Override
        public void lost() {
            heard.add("lost");
        }
    }

    private DomainWatch watch() throws LibvirtUnavailableException {
        return DomainWatch.open(libvirtd.uri(), Patience.standard(), new Ear());
    }

    /** What other tests have caused may still be on its way. */
    private void assertNextIs(String expected) throws InterruptedException {
        List<String> before = new ArrayList<>();
        for (String said = next(); !said.equals(expected); said = next()) {
            before.add(said);
            assertTrue(!said.isEmpty(), () -> expected + " was not heard, but " + before);
        }
    }

    private String next() throws InterruptedException {
        return Optional.ofNullable(heard.poll(PATIENCE_SECONDS, TimeUnit.SECONDS))
                .orElse("");
    }

    private String define(String name) throws IOException {
        Path image = directory.resolve(name + ".qcow2");
        PrivateLibvirtd.run(List.of("qemu-img", "create", "-q", "-f", "qcow2", image.toString(), "1M"));
        libvirtd.defineDomain(name, fileDisk("vda", image, "qcow2"));
        return name;
    }

    @Test
    void tellsWhatBecomesOfADomain() throws Exception {
        try (DomainWatch watch = watch()) {
            String guest = define("gäst");
            assertNextIs("gäst DEFINED");
            libvirtd.virsh("start", guest);
            assertNextIs("gäst RUNS");
            libvirtd.virsh("destroy", guest);
            assertNextIs("gäst STOPPED_OTHERWISE");
            libvirtd.virsh("undefine", guest);
            assertNextIs("gäst UNDEFINED");
        }
    }

    @Test
    void tellsAShutdownFromAnOtherEnd() throws Exception {
        try (DomainWatch watch = watch()) {
            libvirtd.defineDomain("off", PowerOffDisk.xml("vda", directory.resolve("off.img")));
            assertNextIs("off DEFINED");
            libvirtd.virsh("start", "off");
            assertNextIs("off RUNS");
            assertNextIs("off SHUT_DOWN");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0, 1, DEFINED",
        "1, 0, UNDEFINED",
        "2, 0, RUNS",
        "3, 0, RUNS",
        "4, 0, RUNS",
        "5, 0, SHUT_DOWN",
        "5, 1, STOPPED_OTHERWISE",
        "5, 4, STOPPED_OTHERWISE",
        "5, 5, FAILED_TO_START",
        "6, 0, RUNS",
        "8, 0, RUNS",
        "99, 99, RUNS"
    })
    void knowsWhatLibvirtsNumbersMean(int event, int detail, DomainChange.Kind kind) {
        assertEquals(kind, DomainChange.Kind.of(event, detail));
    }

    @Test
    void isLostWhenLibvirtdEndsAndCanBeMadeAnew() throws Exception {
        try (DomainWatch watch = watch()) {
            libvirtd.kill();
            assertNextIs("lost");
            assertThrows(LibvirtUnavailableException.class, this::watch);
        } finally {
            libvirtd.restart();
        }
        try (DomainWatch watch = watch()) {
            define("later");
            assertNextIs("later DEFINED");
        }
    }

    @Test
    @EnabledIfSystemProperty(named = Proofs.PROPERTY, matches = "true", disabledReason = "takes 20 seconds")
    void isLostWhenLibvirtdHangs() throws Exception {
        try (DomainWatch watch = watch()) {
            libvirtd.hang();
            assertNextIs("lost");
        } finally {
            libvirtd.goOn();
        }
    }

    @Test
    void nobodyWaitsForEverForALibvirtdThatHangs() throws Exception {
        Patience brief = new Patience(Duration.ofMillis(300));
        try (Hypervisor hypervisor = Hypervisor.open(libvirtd.uri(), brief)) {
            libvirtd.hang();
            String question = assertThrows(LibvirtUnavailableException.class, hypervisor::domains)
                    .getMessage();
            assertTrue(question.contains("has not answered"), question);
            assertThrows(LibvirtUnavailableException.class, () -> Hypervisor.open(libvirtd.uri(), brief));
            libvirtd.goOn();
            hypervisor.domains();
        } finally {
            libvirtd.goOn();
        }
    }

    @Test
    void whoeverWaitsCanBeToldToStop() throws Exception {
        Patience patience = Patience.standard();
        try (Hypervisor hypervisor = Hypervisor.open(libvirtd.uri(), patience)) {
            libvirtd.hang();
            CompletableFuture<Void> end = CompletableFuture.runAsync(
                    () -> patience.end("the test is over"),
                    CompletableFuture.delayedExecutor(200, TimeUnit.MILLISECONDS));
            long began = System.nanoTime();
            String waiting = assertThrows(LibvirtUnavailableException.class, hypervisor::domains)
                    .getMessage();
            end.join();
            assertTrue(waiting.contains("the test is over"), waiting);
            assertThrows(LibvirtUnavailableException.class, () -> Hypervisor.open(libvirtd.uri(), patience));
            assertThrows(LibvirtUnavailableException.class, hypervisor::domains);
            assertTrue(Duration.ofNanos(System.nanoTime() - began).toSeconds() < 2);
        } finally {
            libvirtd.goOn();
        }
    }

    @Test
    void aHypervisorAsksOnOverANewConnectionWhenLibvirtdWasRestarted() throws Exception {
        String guest = define("asked");
        try (Hypervisor hypervisor = Hypervisor.open(libvirtd.uri())) {
            assertTrue(hypervisor.domain(guest).isPresent());
            libvirtd.kill();
            assertThrows(LibvirtUnavailableException.class, () -> hypervisor.domain(guest));
            libvirtd.restart();
            assertTrue(hypervisor.domain(guest).isPresent());
            libvirtd.restart();
            assertTrue(hypervisor.domain(guest).isPresent());
        }
    }

    @Test
    void closedConnectionsLeaveNoSocketBehind() throws Exception {
        libvirtd.virsh("pool-create-as", "p", "dir", "--target", directory.toString());
        define("counted");
        int before = sockets();
        for (int i = 0; i < 5; i++) {
            try (DomainWatch watch = watch();
                    Hypervisor hypervisor = Hypervisor.open(libvirtd.uri())) {
                hypervisor.survey();
                hypervisor.refreshPoolsHolding(directory.resolve("counted.qcow2"));
                hypervisor.poolDirectories();
            }
        }
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        while (sockets() > before && System.nanoTime() - deadline < 0) {
            Thread.onSpinWait();
        }
        assertTrue(sockets() <= before, () -> "more than " + before);
    }

    /** How many sockets this process has open. */
    private static int sockets() throws IOException {
        int found = 0;
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
            for (Path descriptor : descriptors.toList()) {
                found += isSocket(descriptor) ? 1 : 0;
            }
        }
        return found;
    }

    private static boolean isSocket(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString().startsWith("socket:");
        } catch (IOException closedMeanwhile) {
            return false;
        }
    }
}
