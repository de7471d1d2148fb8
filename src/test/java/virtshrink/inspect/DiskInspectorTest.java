package virtshrink.inspect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.MemoryDisk;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FreeSpaceReader;
import virtshrink.filesystem.swap.SwapReader;

/** Disks of two primary partitions, 1 MiB and 2 MiB, from 1 MiB on; what they hold differs. */
class DiskInspectorTest {
    private static final int MIB = 1 << 20;
    private static final int FIRST = MIB;
    private static final int SECOND = 2 * MIB;

    private static MemoryDisk disk() {
        MemoryDisk disk = new MemoryDisk(4 * MIB).u16le(510, 0xAA55);
        partition(disk, 0, 0x83, FIRST, MIB);
        partition(disk, 1, 0x83, SECOND, 2 * MIB);
        return disk;
    }

    private static void partition(MemoryDisk disk, int index, int type, int start, int length) {
        disk.put(446 + 16 * index, 0, 0, 0, 0, type)
                .u32le(446 + 16 * index + 8, start / 512)
                .u32le(446 + 16 * index + 12, length / 512);
    }

    private static MemoryDisk swap(MemoryDisk disk, int at, int pages) {
        return disk.u32le(at + 1024, 1).u32le(at + 1028, pages - 1).put(at + 4086, "SWAPSPACE2");
    }

    private static MemoryDisk ext(MemoryDisk disk, int at) {
        return disk.u16le(at + 1080, 0xEF53);
    }

    private static DiskInspection inspect(BlockSource disk, FreeSpaceReader... more) throws IOException {
        List<FreeSpaceReader> readers = new ArrayList<>(List.of(more));
        readers.add(new SwapReader());
        return new DiskInspector(readers).inspect(disk, "sda", 512);
    }

    private static String text(FilesystemFinding finding) {
        return "%s %s %s %s"
                .formatted(
                        finding.device(),
                        finding.identity().type(),
                        finding.state().contractName(),
                        finding.state().reasonText());
    }

    private static List<String> texts(DiskInspection inspection) {
        return inspection.filesystems().stream().map(DiskInspectorTest::text).toList();
    }

    @Test
    void placesFreeSpaceOfVolumesOnTheDisk() throws IOException {
        MemoryDisk disk = swap(ext(disk(), FIRST), SECOND, 512);
        DiskInspection inspection = inspect(disk, ExtStandIn.freeing(8192, 4096, MIB));
        assertEquals("mbr", inspection.partitionTable());
        assertEquals(4 * MIB, inspection.virtualBytes());
        assertEquals(Optional.empty(), inspection.refusal());
        assertEquals(List.of("sda1 ext4 free-space ", "sda2 swap free-space "), texts(inspection));
        assertEquals(
                RangeSet.of(new ByteRange(FIRST + 8192, 4096), new ByteRange(SECOND + 4096, 511 * 4096)),
                inspection.freeSpace());
    }

    @Test
    void namesPartitionsAsLinuxDoes() throws IOException {
        DiskInspector inspector = DiskInspector.standard();
        assertEquals(
                "vda2",
                inspector.inspect(disk(), "vda", 512).filesystems().get(1).device());
        assertEquals(
                "nvme0n1p2",
                inspector.inspect(disk(), "nvme0n1", 512).filesystems().get(1).device());
    }

    @Test
    void inspectsABareDisk() throws IOException {
        DiskInspection inspection = inspect(swap(new MemoryDisk(MIB), 0, 256));
        assertEquals("none", inspection.partitionTable());
        assertEquals(List.of("sda swap free-space "), texts(inspection));
        assertEquals(255 * 4096, inspection.freeSpace().totalBytes());
    }

    @Test
    void disksInspectedTogetherKeepNoMoreRangesThanOne() throws IOException {
        RangeSet.Builder everyOther = RangeSet.builder();
        for (int at = 0; at < MIB; at += 2) {
            everyOther.add(at, 1);
        }
        RangeSet free = everyOther.build();
        FreeSpaceReader reader = new FreeSpaceReader() {
            @Override
            public boolean recognises(BlockSource volume) {
                return true;
            }

            @Override
            public FilesystemReport read(BlockSource volume) {
                return new FilesystemReport(
                        FilesystemIdentity.ofType("stand-in"), new FilesystemState.FreeSpace(MIB, free));
            }
        };
        List<Integer> kept = new DiskInspector(List.of(reader))
                        .inspectTogether(List.of(
                                new GuestDisk(new MemoryDisk(MIB), "sda", 512),
                                new GuestDisk(new MemoryDisk(MIB), "sdb", 512)))
                        .stream()
                        .map(inspection -> inspection.freeSpace().size())
                        .toList();
        assertEquals(free.size(), kept.get(0));
        assertTrue(kept.get(1) <= 64, kept::toString);
    }

    @Test
    void freesNothingOnAnEmptyDiskOrVolume() throws IOException {
        assertEquals(List.of("sda unknown unsupported no known filesystem"), texts(inspect(new MemoryDisk(MIB))));
        assertEquals(
                List.of("sda1 unknown unsupported no known filesystem", "sda2 unknown unsupported no known filesystem"),
                texts(inspect(disk())));
        assertTrue(inspect(disk()).freeSpace().isEmpty());
    }

    @Test
    void leavesVolumesWithTwoSignaturesAlone() throws IOException {
        MemoryDisk disk = ext(disk(), FIRST).put(FIRST, "XFSB").u32be(FIRST + 4, 4096);
        disk.u32le(SECOND + 2 * MIB - 65536, 0xA92B4EFCL).u32le(SECOND + 2 * MIB - 65528, 90);
        DiskInspection inspection = inspect(swap(disk, SECOND, 512), ExtStandIn.freeing(0, 4096, MIB));
        assertEquals(
                List.of(
                        "sda1 ext4 unsupported ambiguous: signatures of ext4 and xfs",
                        "sda2 swap unsupported ambiguous: signatures of swap and linux_raid_member"),
                texts(inspection));
        assertTrue(inspection.freeSpace().isEmpty());
    }

    @Test
    void namesUnsupportedFormats() throws IOException {
        MemoryDisk disk = disk().put(FIRST, "XFSB")
                .u32be(FIRST + 4, 4096)
                .put(SECOND, "hsqs")
                .u16le(SECOND + 28, 4);
        assertEquals(
                List.of(
                        "sda1 xfs unsupported XFS is not supported",
                        "sda2 squashfs unsupported SquashFS is not supported"),
                texts(inspect(disk)));
    }

    @Test
    void refusesTheWholeDiskOfAHibernatedGuest() throws IOException {
        MemoryDisk disk = ext(disk(), FIRST).put(SECOND + 4086, "S1SUSPEND\0");
        DiskInspection inspection = inspect(disk, ExtStandIn.freeing(8192, 4096, MIB));
        assertEquals(Optional.of("sda2: the guest is hibernated in this swap area (S1SUSPEND)"), inspection.refusal());
        assertEquals("sda1 ext4 free-space ", texts(inspection).get(0));
        assertTrue(inspection.freeSpace().isEmpty());
    }

    @Test
    void refusesTheWholeDiskEvenIfAHibernatedVolumeIsAmbiguous() throws IOException {
        MemoryDisk disk = ext(disk(), FIRST).put(FIRST + 4086, "S1SUSPEND\0");
        assertTrue(inspect(disk, ExtStandIn.freeing(8192, 4096, MIB)).refusal().isPresent());
    }

    @Test
    void leavesSwapAloneBesideAFilesystemThatIsNotClean() throws IOException {
        MemoryDisk disk = swap(ext(disk(), FIRST), SECOND, 512);
        for (FilesystemState state : List.of(
                new FilesystemState.Dirty("journal needs recovery"), new FilesystemState.Corrupt("counts disagree"))) {
            DiskInspection inspection = inspect(disk, new ExtStandIn(state, 0));
            assertEquals(
                    "sda2 swap unsupported left alone: sda1 is not clean, so the guest may be suspended and need this",
                    texts(inspection).get(1));
            assertEquals(Optional.empty(), inspection.refusal());
            assertTrue(inspection.freeSpace().isEmpty());
        }
    }

    /** A partition given to a guest of the guest, with the superblock of an earlier life in the gap before its first partition. */
    @Test
    void leavesAPartitionWithAPartitionTableOfItsOwnAlone() throws IOException {
        String ambiguous = "sda1 ext4 unsupported ambiguous: signatures of ext4 and a partition table of its own";
        MemoryDisk nested = swap(ext(disk(), FIRST), SECOND, 512).u16le(FIRST + 510, 0xAA55);
        assertEquals("sda1 ext4 free-space ", text(first(nested)));
        MemoryDisk mbr = nested.copy();
        mbr.put(FIRST + 446 + 4, 0x83).u32le(FIRST + 446 + 8, 64).u32le(FIRST + 446 + 12, 1024);
        assertEquals(ambiguous, text(first(mbr)));
        // A protective MBR alone, as of a GPT in sectors of another size.
        MemoryDisk gpt = nested.copy();
        gpt.put(FIRST + 446 + 4, 0xEE).u32le(FIRST + 446 + 8, 1).u32le(FIRST + 446 + 12, 2047);
        assertEquals(ambiguous, text(first(gpt)));
        // One that the guest of the guest may be suspended in.
        DiskInspection inspection = inspect(mbr, ExtStandIn.freeing(8192, 4096, MIB));
        assertEquals(
                "sda2 swap unsupported left alone: sda1 (ext4) cannot be read, so the guest may be suspended and need this",
                texts(inspection).get(1));
        assertTrue(inspection.freeSpace().isEmpty());
    }

    private static FilesystemFinding first(BlockSource disk) throws IOException {
        return inspect(disk, ExtStandIn.freeing(8192, 4096, MIB)).filesystems().get(0);
    }

    @Test
    void aPartitionTableDoesNotHideAHibernatedGuestBesideIt() throws IOException {
        MemoryDisk disk = disk().u16le(FIRST + 510, 0xAA55).put(FIRST + 4086, "S1SUSPEND\0");
        disk.put(FIRST + 446 + 4, 0x83).u32le(FIRST + 446 + 8, 64).u32le(FIRST + 446 + 12, 1024);
        assertTrue(inspect(disk).refusal().orElseThrow().contains("the guest is hibernated"));
    }

    @Test
    void leavesSwapAloneBesideWhatMayHoldASuspendedSystem() throws IOException {
        MemoryDisk xfs = disk().put(FIRST, "XFSB").u32be(FIRST + 4, 4096);
        assertEquals(
                "left alone: sda1 (xfs) cannot be read, so the guest may be suspended and need this",
                ofSwapBeside(xfs).reasonText());
        MemoryDisk noise = disk().put(FIRST + MIB - 1, 1);
        assertEquals(
                "left alone: sda1 (unknown) cannot be read, so the guest may be suspended and need this",
                ofSwapBeside(noise).reasonText());
    }

    @Test
    void freesSwapBesideWhatHoldsNoSystem() throws IOException {
        assertInstanceOf(FilesystemState.FreeSpace.class, ofSwapBeside(disk()));
        MemoryDisk squashfs = disk().put(FIRST, "hsqs").u16le(FIRST + 28, 4);
        assertInstanceOf(FilesystemState.FreeSpace.class, ofSwapBeside(squashfs));
    }

    private static FilesystemState ofSwapBeside(MemoryDisk disk) throws IOException {
        return inspect(swap(disk, SECOND, 512)).filesystems().get(1).state();
    }

    @Test
    void leavesSwapAloneForAReasonFromOutside() throws IOException {
        DiskInspection inspection = inspect(swap(ext(disk(), FIRST), SECOND, 512), ExtStandIn.freeing(8192, 4096, MIB));
        DiskInspection changed = inspection.withSwapLeftAlone("vdb1 is not clean");
        assertEquals(
                List.of("sda1 ext4 free-space ", "sda2 swap unsupported left alone: vdb1 is not clean"),
                texts(changed));
        assertEquals(RangeSet.of(new ByteRange(FIRST + 8192, 4096)), changed.freeSpace());
    }

    @Test
    void leavesAloneWhatDoesNotMarkItsUse() {
        RangeSet free = RangeSet.of(new ByteRange(4096, 4096));
        List<FilesystemFinding> findings = List.of(
                ntfs("sda1", new FilesystemState.FreeSpace(4096, free, Optional.empty(), true)),
                ntfs("sda2", new FilesystemState.FreeSpace(4096, free, Optional.empty(), false)));
        DiskInspection inspection = new DiskInspection(4L << 20, "gpt", findings, Optional.empty());
        assertEquals(
                List.of("sda1 ntfs free-space ", "sda2 ntfs unsupported left alone: vdb1 is not clean"),
                texts(inspection.withSwapLeftAlone("vdb1 is not clean")));
    }

    private static FilesystemFinding ntfs(String device, FilesystemState state) {
        return new FilesystemFinding(device, new ByteRange(0, 1 << 20), FilesystemIdentity.ofType("ntfs"), state);
    }

    @Test
    void refusesDisksWithADmVeritySuperblockAnywhere() throws IOException {
        MemoryDisk disk = ext(disk(), FIRST).put(SECOND, "verity\0\0");
        DiskInspection inspection = inspect(disk, ExtStandIn.freeing(8192, 4096, MIB));
        assertEquals(Optional.of("sda2: dm-verity hash tree covers free blocks of this disk"), inspection.refusal());
        MemoryDisk behind = ext(disk(), FIRST).put(FIRST + 700 * 1024, "verity\0\0");
        assertEquals(
                Optional.of("sda1: dm-verity hash tree behind ext4 covers free blocks of this disk"),
                inspect(behind, ExtStandIn.freeing(8192, 4096, 700 * 1024)).refusal());
    }

    @Test
    void refusesAFilesystemBesideThePartitionTable() throws IOException {
        MemoryDisk disk = swap(ext(disk(), FIRST), 0, 1024);
        DiskInspection inspection = inspect(disk, ExtStandIn.freeing(8192, 4096, MIB));
        assertEquals(
                Optional.of("the disk has a partition table and, outside of all partitions, a signature of swap"),
                inspection.refusal());
        assertTrue(inspection.freeSpace().isEmpty());
    }

    @Test
    void refusesPartitionedDisksThatAreRaidMembersThemselves() throws IOException {
        MemoryDisk disk = disk().resized(4 * MIB + 65536).put(4 * MIB + 65536 - 1024, "Intel Raid ISM Cfg Sig. ");
        assertTrue(inspect(disk).refusal().orElseThrow().contains("isw_raid_member"));
    }

    @Test
    void takesSignaturesInsideOfPartitionsForTheirs() throws IOException {
        MemoryDisk disk = new MemoryDisk(4 * MIB).u16le(510, 0xAA55);
        partition(disk, 0, 0x83, 512, 4 * MIB - 512);
        // Bytes 1080 and 65600 of the disk lie in the partition, where they mean nothing.
        ext(disk, 0).put(65600, "_BHRfS_M");
        DiskInspection inspection = inspect(disk, ExtStandIn.freeing(8192, 4096, MIB));
        assertEquals(Optional.empty(), inspection.refusal());
        assertEquals(List.of("sda1 unknown unsupported no known filesystem"), texts(inspection));
    }

    @Test
    void looksBehindABootSectorWithoutPartitions() throws IOException {
        MemoryDisk disk = swap(new MemoryDisk(MIB).u16le(510, 0xAA55), 0, 256);
        assertEquals("none", inspect(disk).partitionTable());
        assertEquals(255 * 4096, inspect(disk).freeSpace().totalBytes());
        DiskInspection empty = inspect(new MemoryDisk(MIB).u16le(510, 0xAA55));
        assertEquals("mbr", empty.partitionTable());
        assertEquals(List.of(), empty.filesystems());
    }

    @Test
    void namesAPhysicalVolumeOnABareDisk() throws IOException {
        MemoryDisk disk =
                new MemoryDisk(MIB).put(512, "LABELONE").put(536, "LVM2 001").u16le(510, 0xAA55);
        DiskInspection inspection = inspect(disk);
        assertEquals("none", inspection.partitionTable());
        assertEquals(
                List.of("sda LVM2_member corrupt label_header at offset 520: written for sector 0"), texts(inspection));
    }

    @Test
    void refusesWhatItsPartitionTableRefuses() throws IOException {
        MemoryDisk disk = disk();
        partition(disk, 1, 0x83, FIRST + 512, MIB);
        DiskInspection inspection = inspect(disk);
        assertEquals("mbr", inspection.partitionTable());
        assertEquals(List.of(), inspection.filesystems());
        assertTrue(inspection.refusal().orElseThrow().endsWith("partition 2 overlaps partition 1"));
    }

    @Test
    void turnsUnexpectedCorruptionIntoAState() throws IOException {
        FreeSpaceReader broken = new FreeSpaceReader() {
            @Override
            public boolean recognises(BlockSource volume) throws IOException {
                return ExtStandIn.naming().recognises(volume);
            }

            @Override
            public FilesystemReport read(BlockSource volume) {
                throw new CorruptStructureException("ext4_super_block", 1024, "all wrong");
            }
        };
        DiskInspection inspection = inspect(ext(disk(), FIRST), broken);
        assertEquals(
                "sda1 unknown corrupt ext4_super_block at offset 1024: all wrong",
                texts(inspection).get(0));
    }

    @Test
    void believesNoReaderThatFreesWhatLiesOutsideOfItsVolume() throws IOException {
        DiskInspection inspection = inspect(ext(disk(), FIRST), ExtStandIn.freeing(0, MIB + 1, MIB));
        assertInstanceOf(
                FilesystemState.Corrupt.class, inspection.filesystems().get(0).state());
        DiskInspection larger = inspect(ext(disk(), FIRST), ExtStandIn.freeing(0, 4096, MIB + 1));
        assertEquals(
                "sda1 ext4 corrupt filesystem of 1048577 bytes in a volume of 1048576",
                texts(larger).get(0));
    }

    @Test
    void passesReadErrorsOn() {
        BlockSource unreadable = new BlockSource() {
            @Override
            public long sizeBytes() {
                return MIB;
            }

            @Override
            public void read(long offsetBytes, ByteBuffer destination) throws IOException {
                throw new IOException("no medium");
            }
        };
        assertEquals(
                "no medium",
                assertThrows(IOException.class, () -> inspect(unreadable)).getMessage());
    }

    @Test
    void survivesRandomDisksAndNeverFreesTheTable() throws IOException {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        MemoryDisk usual = swap(swap(ext(disk(), FIRST), FIRST, 256), SECOND, 512);
        for (int round = 0; round < 150; round++) {
            MemoryDisk disk = usual.copy();
            for (int change = random.nextInt(20); change >= 0; change--) {
                int[] starts = {0, 446, 0, FIRST + 1024, SECOND + 1024, SECOND + 4086, SECOND + 65536};
                int at = starts[random.nextInt(starts.length)] + random.nextInt(64);
                disk.put(at, random.nextInt(256));
            }
            DiskInspection inspection = inspect(disk, ExtStandIn.freeing(8192, 4096, MIB));
            assertFalse(
                    inspection.partitionTable().equals("mbr")
                            && inspection.freeSpace().overlaps(new ByteRange(0, 512)),
                    "seed " + seed + ", round " + round);
        }
    }
}
