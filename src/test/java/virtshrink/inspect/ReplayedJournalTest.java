package virtshrink.inspect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.MemoryDisk;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FreeSpaceReader;
import virtshrink.filesystem.swap.SwapReader;

/** What a journal that was replayed in memory means for everything else of the same guest. */
class ReplayedJournalTest {
    private static final int MIB = 1 << 20;
    private static final int FIRST = MIB;
    private static final int SECOND = 2 * MIB;

    private static final FilesystemState REPLAYED = new FilesystemState.FreeSpace(
            4096, RangeSet.of(new ByteRange(8192, 4096)), Optional.of("journal replayed"));

    /** Finds its text at the beginning of a volume. */
    private record Named(String type, FilesystemState answer) implements FreeSpaceReader {
        @Override
        public boolean recognises(BlockSource volume) throws IOException {
            byte[] start = volume.read(0, type.length()).array();
            return new String(start, StandardCharsets.US_ASCII).equals(type);
        }

        @Override
        public FilesystemReport read(BlockSource volume) {
            return new FilesystemReport(new FilesystemIdentity(type, "", "", 4096, MIB), answer);
        }
    }

    /** Two partitions; the first holds a filesystem whose journal was replayed. */
    private static MemoryDisk disk() {
        MemoryDisk disk = new MemoryDisk(4 * MIB).u16le(510, 0xAA55);
        for (int index = 0; index < 2; index++) {
            disk.put(446 + 16 * index, 0, 0, 0, 0, 0x83)
                    .u32le(446 + 16 * index + 8, (index == 0 ? FIRST : SECOND) / 512)
                    .u32le(446 + 16 * index + 12, MIB / 512);
        }
        return disk.put(FIRST, "replayed");
    }

    private static DiskInspection inspect(MemoryDisk disk, FreeSpaceReader... more) throws IOException {
        List<FreeSpaceReader> readers = new java.util.ArrayList<>(List.of(more));
        readers.add(new Named("replayed", REPLAYED));
        readers.add(new SwapReader());
        return new DiskInspector(readers).inspect(disk, "sda", 512);
    }

    private static String text(DiskInspection inspection, int index) {
        FilesystemFinding finding = inspection.filesystems().get(index);
        return finding.state().contractName() + " " + finding.state().reasonText();
    }

    @Test
    void itsFreeSpaceIsFreeBesideNothingElse() throws IOException {
        DiskInspection inspection = inspect(disk());
        assertEquals("free-space ", text(inspection, 0));
        assertEquals(RangeSet.of(new ByteRange(FIRST + 8192, 4096)), inspection.freeSpace());
        assertEquals(
                Optional.of("journal replayed"), inspection.filesystems().get(0).replayed());
        assertEquals(Optional.empty(), inspection.doubt());
    }

    @Test
    void swapBesideItIsLeftAlone() throws IOException {
        MemoryDisk disk =
                disk().u32le(SECOND + 1024, 1).u32le(SECOND + 1028, 255).put(SECOND + 4086, "SWAPSPACE2");
        DiskInspection inspection = inspect(disk);
        assertEquals("free-space ", text(inspection, 0));
        assertEquals("unsupported left alone: sda1 is not clean, so the guest may need this", text(inspection, 1));
        assertEquals(RangeSet.of(new ByteRange(FIRST + 8192, 4096)), inspection.freeSpace());
    }

    @Test
    void aHibernatedSwapBesideItKeepsTheWholeDiskFromBeingTouched() throws IOException {
        assertTrue(inspect(disk().put(SECOND + 4086, "S1SUSPEND\0")).freeSpace().isEmpty());
    }

    @Test
    void physicalVolumesBesideItAreLeftAlone() throws IOException {
        Named lvm = new Named("LVM2_member", new FilesystemState.FreeSpace(4096, RangeSet.of(new ByteRange(0, 4096))));
        DiskInspection inspection = inspect(disk().put(SECOND, "LVM2_member"), lvm);
        assertEquals("free-space ", text(inspection, 0));
        assertTrue(text(inspection, 1).startsWith("unsupported left alone"), text(inspection, 1));
    }

    /** A guest hibernated into a file leaves its other filesystems as if it had been powered off. */
    @ParameterizedTest
    @CsvSource({
        "btrfs,free,sda2 (btrfs) carries no mark of being in use",
        "btrfs,unsupported,sda2 (btrfs) cannot be read",
        "xfs,dirty,sda2 is not clean",
        "xfs,corrupt,sda2 is not clean",
        "crypto_LUKS,unsupported,sda2 (crypto_LUKS) cannot be read",
        "vfat,corrupt,sda2 is not clean"
    })
    void itIsNotReplayedBesideWhatMayHoldASuspendedGuest(String type, String state, String reason) throws IOException {
        FilesystemState answer = switch (state) {
            case "free" -> new FilesystemState.FreeSpace(4096, RangeSet.of(new ByteRange(0, 4096)));
            case "dirty" -> new FilesystemState.Dirty("in use");
            case "corrupt" -> new FilesystemState.Corrupt("broken");
            default -> new FilesystemState.Unsupported("unknown");
        };
        DiskInspection inspection = inspect(disk().put(SECOND, type), new Named(type, answer));
        assertTrue(
                text(inspection, 0)
                        .startsWith("dirty not cleanly unmounted, and its journal is not replayed: " + reason),
                text(inspection, 0));
        assertTrue(inspection.freeSpace().isEmpty());
        assertTrue(inspection.doubt().isPresent());
    }

    /** An EFI system partition is mounted while the guest runs, and nobody hibernates into one. */
    @ParameterizedTest
    @CsvSource({"vfat,dirty", "exfat,dirty", "vfat,unsupported", "iso9660,unsupported", "xfs,free", "ext4,free"})
    void itIsReplayedBesideWhatHoldsNoSuspendedGuest(String type, String state) throws IOException {
        FilesystemState answer = switch (state) {
            case "free" -> new FilesystemState.FreeSpace(0, RangeSet.empty());
            case "dirty" -> new FilesystemState.Dirty("in use");
            default -> new FilesystemState.Unsupported("unknown");
        };
        DiskInspection inspection = inspect(disk().put(SECOND, type), new Named(type, answer));
        assertEquals("free-space ", text(inspection, 0));
        assertEquals(RangeSet.of(new ByteRange(FIRST + 8192, 4096)), inspection.freeSpace());
    }

    @Test
    void anotherDiskThatMayHoldASuspendedGuestForbidsTheReplay() throws IOException {
        DiskInspection inspection = inspect(disk()).withSwapLeftAlone("disk vdb cannot be looked at");
        assertEquals(
                "dirty not cleanly unmounted, and its journal is not replayed: disk vdb cannot be looked at",
                text(inspection, 0));
        assertTrue(inspection.freeSpace().isEmpty());
    }
}
