package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemState;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;
import virtshrink.shrink.ShrinkReport.FilesystemGain;

class ReclaimPlanTest {
    private static final long K = 1024;
    private static final long DISK = 1000 * K;
    private static final RangeSet EVERYTHING = RangeSet.of(new ByteRange(0, DISK));

    private final FilesystemFinding first = free("sda1", 100 * K, 200 * K, new ByteRange(10 * K, 100 * K));
    private final FilesystemFinding second = free("sda2", 300 * K, 200 * K, new ByteRange(0, 50 * K));
    private final FilesystemFinding dirty = new FilesystemFinding(
            "sda3",
            new ByteRange(500 * K, 100 * K),
            FilesystemIdentity.ofType("ext4"),
            new FilesystemState.Dirty("journal"));

    @Test
    void unitesFilesystemsAndKeepsToWholeUnits() {
        ReclaimPlan plan = plan(EVERYTHING, 64 * K, Set.of(), Set.of());
        // Free: 110..210 and 300..350 KiB; whole units of 64 KiB: 128..192 only.
        assertEquals(RangeSet.of(new ByteRange(128 * K, 64 * K)), plan.zeroed());
        assertEquals(64 * K, plan.reclaimableBytes());
        assertEquals(
                List.of(
                        new FilesystemGain("sda1", 64 * K),
                        new FilesystemGain("sda2", 0),
                        new FilesystemGain("sda3", 0)),
                plan.gains());
    }

    @Test
    void onlyWhatTheOwnLayerHoldsIsZeroedAndCounted() {
        RangeSet own = RangeSet.of(new ByteRange(118 * K, 3 * K));
        ReclaimPlan plan = plan(own, 4 * K, Set.of(), Set.of());
        // The units that hold any of it, and no other free unit.
        assertEquals(RangeSet.of(new ByteRange(116 * K, 8 * K)), plan.zeroed());
        assertEquals(3 * K, plan.reclaimableBytes());
    }

    @Test
    void ignoredFilesystemsAreLeftAlone() {
        ReclaimPlan plan = plan(EVERYTHING, 4 * K, Set.of("sda1"), Set.of());
        assertEquals(RangeSet.of(new ByteRange(300 * K, 48 * K)), plan.zeroed());
    }

    @Test
    void givenUpPartitionsAreZeroedWhole() {
        ReclaimPlan plan = plan(EVERYTHING, 4 * K, Set.of("sda1", "sda3"), Set.of("sda2"));
        assertEquals(RangeSet.of(new ByteRange(300 * K, 200 * K)), plan.zeroed());
    }

    @Test
    void logicalVolumesAreTakenWhereTheyLieAndShareTheFateOfWhatTheyLieIn() {
        FilesystemFinding member = free("sda1", 100 * K, 400 * K, new ByteRange(40 * K, 60 * K));
        RangeSet pieces = RangeSet.of(new ByteRange(104 * K, 36 * K), new ByteRange(200 * K, 64 * K));
        RangeSet freePieces = RangeSet.of(new ByteRange(120 * K, 20 * K), new ByteRange(200 * K, 8 * K));
        FilesystemFinding logical = new FilesystemFinding(
                "/dev/vg/root",
                new ByteRange(104 * K, 100 * K),
                FilesystemIdentity.ofType("ext4"),
                new FilesystemState.FreeSpace(28 * K, RangeSet.of(new ByteRange(16 * K, 28 * K))),
                pieces,
                freePieces);
        DiskInspection disk = new DiskInspection(DISK, "gpt", List.of(member, logical), Optional.empty());
        RangeSet both = freePieces.union(RangeSet.of(new ByteRange(140 * K, 60 * K)));
        assertEquals(both, zeroed(disk, Set.of(), Set.of()));
        assertEquals(RangeSet.of(new ByteRange(140 * K, 60 * K)), zeroed(disk, Set.of("/dev/vg/root"), Set.of()));
        assertEquals(RangeSet.empty(), zeroed(disk, Set.of("sda1"), Set.of()));
        assertEquals(
                pieces.union(RangeSet.of(new ByteRange(140 * K, 60 * K))),
                zeroed(disk, Set.of(), Set.of("/dev/vg/root")));
    }

    private static RangeSet zeroed(DiskInspection disk, Set<String> ignore, Set<String> zero) {
        return ReclaimPlan.of(disk, EVERYTHING, 4 * K, ignore, zero).zeroed();
    }

    @Test
    void nothingIsZeroedOnADiskThatIsRefused() {
        DiskInspection refused =
                new DiskInspection(DISK, "gpt", List.of(first, second), Optional.of("suspended guest"));
        ReclaimPlan plan = ReclaimPlan.of(refused, EVERYTHING, 4 * K, Set.of(), Set.of("sda2"));
        assertTrue(plan.zeroed().isEmpty());
        assertEquals(0, plan.reclaimableBytes());
    }

    @Test
    void largeClustersAreNamedAsTheReasonAndUsualOnesAreNot() {
        long mib = 1 << 20;
        FilesystemFinding scattered = free("sda1", 0, 8 * mib, new ByteRange(mib / 2, 3 * mib / 2 + mib));
        DiskInspection disk = new DiskInspection(8 * mib, "gpt", List.of(scattered), Optional.empty());
        RangeSet everything = RangeSet.of(new ByteRange(0, 8 * mib));
        List<String> notes =
                ReclaimPlan.of(disk, everything, 2 * mib, Set.of(), Set.of()).notes();
        assertEquals(1, notes.size());
        assertTrue(notes.get(0).contains("clusters of 2048 KiB"), notes.get(0));
        assertEquals(
                List.of(),
                ReclaimPlan.of(disk, everything, 64 * K, Set.of(), Set.of()).notes());
    }

    @Test
    void zeroedIsAlwaysInsideProven() {
        for (long unit = 512; unit <= 256 * K; unit *= 2) {
            ReclaimPlan plan = plan(EVERYTHING, unit, Set.of(), Set.of());
            assertTrue(plan.zeroed().subtract(plan.proven()).isEmpty(), "unit " + unit);
        }
    }

    private ReclaimPlan plan(RangeSet ownData, long unit, Set<String> ignore, Set<String> zero) {
        DiskInspection inspection = new DiskInspection(DISK, "gpt", List.of(first, second, dirty), Optional.empty());
        return ReclaimPlan.of(inspection, ownData, unit, ignore, zero);
    }

    private static FilesystemFinding free(String device, long start, long length, ByteRange free) {
        return new FilesystemFinding(
                device,
                new ByteRange(start, length),
                FilesystemIdentity.ofType("ext4"),
                new FilesystemState.FreeSpace(free.lengthBytes(), RangeSet.of(free)));
    }
}
