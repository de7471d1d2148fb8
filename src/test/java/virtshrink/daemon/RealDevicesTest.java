package virtshrink.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static virtshrink.libvirt.PrivateLibvirtd.fileDisk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.history.HistoryEntry;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.os.StorageDevice;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.Phase;

/** Real domains whose images lie on two devices, the disk and the memory, and the real pipeline on both at once. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class RealDevicesTest {
    @TempDir
    Path directory;

    private Path memory;

    @BeforeEach
    void makeDirectories() throws IOException {
        assumeTrue(Files.isWritable(Path.of("/dev/shm")), "needs a tmpfs on /dev/shm");
        memory = Files.createTempDirectory(Path.of("/dev/shm"), "virt-shrink-test");
    }

    @AfterEach
    void removeMemory() throws IOException {
        try (Stream<Path> files = Files.walk(memory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    @Test
    void bothDevicesAreWorkedOnAtOnceAndEachOnOneDomainAtATime() throws Exception {
        try (RealHost host = RealHost.start(directory)) {
            assertNotEquals(StorageDevice.of(host.images), StorageDevice.of(memory));
            for (String name : List.of("one", "two")) {
                host.libvirtd.defineDomain(
                        "disk-" + name,
                        fileDisk("vda", UsedImage.qcow2(host.images.resolve(name + ".qcow2"), 12), "qcow2"));
                host.libvirtd.defineDomain(
                        "memory-" + name,
                        fileDisk("vda", UsedImage.qcow2(memory.resolve(name + ".qcow2"), 8), "qcow2"));
            }
            // By gain the two on the disk come first; nobody gets through alone.
            CyclicBarrier pair = new CyclicBarrier(2);
            host.atPhase = phase -> {
                if (phase == Phase.REBUILD) {
                    meet(pair);
                }
            };
            Workshop oneEach = host.workshop();
            Workshop two = new Workshop(
                    oneEach.source(),
                    oneEach.runner(),
                    oneEach.history(),
                    oneEach.clock(),
                    oneEach.current(),
                    FakeHost.neighbour(2, 1),
                    oneEach.status());

            List<HistoryEntry> entries = host.night(two);

            Set<String> shrunk = new TreeSet<>();
            for (HistoryEntry entry : entries) {
                if (entry instanceof DiskRun run) {
                    assertEquals(Outcome.SHRUNK, run.outcome(), run.reason());
                    shrunk.add(run.domain());
                }
            }
            assertEquals(Set.of("disk-one", "disk-two", "memory-one", "memory-two"), shrunk);
            host.assertNothingIsLeft();
        }
    }

    private static void meet(CyclicBarrier pair) {
        try {
            pair.await(60, TimeUnit.SECONDS);
        } catch (Exception alone) {
            throw new AssertionError(alone);
        }
    }
}
