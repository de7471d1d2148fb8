package virtshrink.libvirt;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.image.ImageFormat;
import virtshrink.shrink.ShrinkRequest;
import virtshrink.shrink.ShrinkRequest.IdleGuard;

/** A disk that is left alone is not looked at either, and may hold the system of a suspended guest. */
class DomainVerdictTest {
    private static final ShrinkRequest REQUEST = ShrinkRequest.of(Path.of("/images/a.raw"), ImageFormat.RAW)
            .withGuard(() -> Optional.of("the domain is running"));

    private static DomainDisk disk(String target, String device) throws Exception {
        return DomainXml.parse(DomainXmlTest.domain("<disk type='block' device='" + device
                        + "'><source dev='/dev/x'/><target dev='" + target + "' bus='virtio'/></disk>"))
                .disks()
                .get(0);
    }

    private static IdleGuard guardBeside(String device) throws Exception {
        DomainRecord domain = new DomainRecord(
                "web",
                new UUID(0, 1),
                Optional.empty(),
                DomainState.SHUT_OFF,
                Optional.of(ShutoffReason.SHUTDOWN),
                false,
                0,
                0,
                true,
                "",
                List.of(),
                List.of());
        List<DiskVerdict> disks = List.of(
                new DiskVerdict.Eligible(disk("vda", "disk"), REQUEST, List.of()),
                new DiskVerdict.Refused(disk("vdb", device), "it is a block device"));
        return new DomainVerdict(domain, Optional.empty(), disks, List.of())
                .requests()
                .get(0)
                .guard();
    }

    @ParameterizedTest
    @ValueSource(strings = {"disk", "lun"})
    void itsSwapAreasAreInDoubtBesideADiskThatIsNotLookedAt(String device) throws Exception {
        assertEquals(
                Optional.of("disk vdb of the domain is not looked at, so the guest may be suspended and need this"),
                guardBeside(device).unseen());
    }

    @ParameterizedTest
    @ValueSource(strings = {"cdrom", "floppy"})
    void aRemovableMediumHoldsNoSystem(String device) throws Exception {
        assertEquals(Optional.empty(), guardBeside(device).unseen());
    }

    @Test
    void theGuardStillAsksWhatItAsked() throws Exception {
        assertEquals(Optional.of("the domain is running"), guardBeside("disk").whyNotNow());
    }
}
