package virtshrink.mount;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.image.ChildProcessFactory;
import virtshrink.image.HostDevices;
import virtshrink.image.ImageFormat;
import virtshrink.image.ImageNode;
import virtshrink.image.NbdDevice;
import virtshrink.os.OpenFile;

/** Which device is chosen, and who has it; with a directory in the place of {@code /sys/block}. */
class NbdAttacherTest {
    @TempDir
    private Path temporary;

    private FakeSystem system;
    private HostDevices host;
    private final List<String> register = new ArrayList<>();

    @BeforeEach
    void makeSystem() throws IOException {
        system = new FakeSystem(Files.createDirectory(temporary.resolve("block")));
        host = new HostDevices(
                new ChildProcessFactory(),
                new ChildProcessFactory(),
                temporary,
                temporary.resolve("nbd"),
                new HostDevices.Register() {
                    @Override
                    public void taken(String device) {
                        register.add("taken " + device);
                    }

                    @Override
                    public void free(String device) {
                        register.add("free " + device);
                    }
                });
    }

    @Test
    void withoutTheDriverTheReasonSaysHowToLoadIt() throws IOException {
        String objection = new NbdAttacher(system.directory).objection().orElseThrow();
        assertTrue(objection.contains("modprobe nbd"), objection);
    }

    @Test
    void devicesComeInTheOrderOfTheirNumbersAndWithoutTheirPartitions() throws IOException {
        for (String name : List.of("nbd10", "nbd2", "nbd0", "nbd0p1", "nbdx")) {
            Files.createDirectory(system.directory.resolve(name));
        }
        assertEquals(
                List.of("nbd0", "nbd2", "nbd10"),
                NbdDevice.all(system.directory).stream().map(NbdDevice::name).toList());
    }

    @Test
    void aDeviceIsFreeOnlyWithoutServerAndSize() throws IOException {
        NbdDevice device = system.device("nbd0");
        assertTrue(device.isFree());
        system.set("nbd0", "size", "8");
        assertFalse(device.isFree());
        system.set("nbd0", "size", "0");
        system.set("nbd0", "pid", "1");
        assertFalse(device.isFree());
    }

    @Test
    void aDeviceIsOursIfAThreadOfOurProcessServesIt() throws Exception {
        NbdDevice device = system.device("nbd0");
        long self = ProcessHandle.current().pid();
        system.connect("nbd0", 1, 4096);
        assertFalse(device.isServedBy(self));
        system.connect("nbd0", self, 4096);
        assertTrue(device.isServedBy(self));
        assertEquals(4096, device.sizeBytes());
    }

    @Test
    void whatIsNeverFreeIsNotWaitedForForEver() throws IOException {
        NbdDevice device = system.device("nbd0");
        system.connect("nbd0", 1, 4096);
        assertFalse(device.awaitFree(Duration.ofMillis(30)));
        system.disconnect("nbd0");
        assertTrue(device.awaitFree(Duration.ofMillis(30)));
    }

    @Test
    void oneClaimExcludesTheOtherUntilItIsClosed() throws IOException {
        NbdDevice device = system.device("nbd0");
        DeviceClaim claim = DeviceClaim.tryTake(host, device).orElseThrow();
        assertEquals(Optional.empty(), DeviceClaim.tryTake(host, device));
        assertTrue(Files.exists(host.claims().resolve("nbd0")));
        claim.close();
        assertFalse(Files.exists(host.claims().resolve("nbd0")));
        DeviceClaim.tryTake(host, device).orElseThrow().close();
        assertEquals(List.of("taken nbd0", "free nbd0", "taken nbd0", "free nbd0"), register);
    }

    @Test
    void whatADeadRunLeftDoesNotKeepTheDeviceFromOthers() throws IOException {
        NbdDevice device = system.device("nbd0");
        DeviceClaim.tryTake(host, device).orElseThrow().close();
        Files.createFile(host.claims().resolve("nbd0"));
        DeviceClaim.tryTake(host, device).orElseThrow().close();
    }

    @Test
    void aDeviceThatOthersHaveIsNotClaimed() throws IOException {
        NbdDevice device = system.device("nbd0");
        system.connect("nbd0", 1, 4096);
        assertEquals(Optional.empty(), DeviceClaim.tryTake(host, device));
        assertEquals(List.of(), register);
    }

    @Test
    void aRunThatHoldsTheFileOfADeviceKeepsIt() throws IOException {
        NbdDevice device = system.device("nbd0");
        Files.createDirectory(host.claims());
        try (OpenFile other = OpenFile.createPrivate(host.claims().resolve("nbd0"))) {
            assertTrue(other.tryExclusiveFlock());
            assertEquals(Optional.empty(), DeviceClaim.tryTake(host, device));
        }
    }

    @Test
    void aDeviceForWhichNoServerCanBeStartedIsGivenUp() throws IOException {
        system.device("nbd0");
        host.children().killAll("the run is over");
        ImageNode image = ImageNode.of(Path.of("/nowhere"), ImageFormat.RAW);
        assertThrows(IOException.class, () -> new NbdAttacher(system.directory).attach(host, image, 4096, true));
        assertFalse(Files.exists(host.claims().resolve("nbd0")));
        assertEquals(List.of("taken nbd0", "free nbd0"), register);
    }

    @Test
    void whatTheKernelTakesForPartitionsIsSeen() throws IOException {
        NbdDevice device = system.device("nbd0");
        assertEquals(List.of(), device.partitions());
        for (String name : List.of("nbd0p2", "nbd0p1", "queue")) {
            Files.createDirectory(system.directory.resolve("nbd0").resolve(name));
        }
        assertEquals(List.of("nbd0p1", "nbd0p2"), device.partitions());
    }

    @Test
    void whenAllAreTakenItSaysSo() throws IOException {
        system.device("nbd0");
        system.connect("nbd0", 1, 4096);
        ImageNode image = ImageNode.of(Path.of("/nowhere"), ImageFormat.RAW);
        String said = assertThrows(
                        IOException.class, () -> new NbdAttacher(system.directory).attach(host, image, 4096, true))
                .getMessage();
        assertEquals("none of the devices /dev/nbd* is free", said);
    }
}
