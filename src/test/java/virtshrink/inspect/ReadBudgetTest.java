package virtshrink.inspect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.BlockSource;
import virtshrink.block.ExternalTool;
import virtshrink.block.MemoryDisk;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FreeSpaceReader;
import virtshrink.filesystem.ext.ExtReader;
import virtshrink.filesystem.swap.SwapReader;
import virtshrink.volume.lvm.LvmHost;

/** A disk that would take too long to look at is left alone, in good time, and so are those that were looked at with it. */
class ReadBudgetTest {
    private static final int MIB = 1 << 20;
    private static final Duration LONG = Duration.ofHours(1);

    @TempDir
    Path directory;

    /** Reads its volume again and again, and never gets anywhere. */
    private static final class EndlessReader implements FreeSpaceReader {
        @Override
        public boolean recognises(BlockSource volume) throws IOException {
            return volume.read(0, 1).get() == 'E';
        }

        @Override
        public FilesystemReport read(BlockSource volume) throws IOException {
            long sum = 0;
            for (long times = 0; times < Long.MAX_VALUE; times++) {
                sum += volume.read(0, 4096).get();
            }
            return new FilesystemReport(
                    FilesystemIdentity.ofType("endless"), new FilesystemState.Unsupported("sum " + sum));
        }
    }

    /** Two partitions, of which only the first is ever understood. */
    private static MemoryDisk disk() {
        MemoryDisk disk = new MemoryDisk(4 * MIB).u16le(510, 0xAA55);
        for (int index = 0; index < 2; index++) {
            disk.put(446 + 16 * index, 0, 0, 0, 0, 0x83)
                    .u32le(446 + 16 * index + 8, (1 + index) * MIB / 512)
                    .u32le(446 + 16 * index + 12, MIB / 512);
        }
        return disk.u16le(MIB + 1080, 0xEF53).put(2 * MIB, 'E');
    }

    private static DiskInspector inspector(long mostBytes, Duration longest) {
        return new DiskInspector(
                List.of(ExtStandIn.freeing(8192, 4096, MIB), new EndlessReader()),
                ClosedVolumes.NONE,
                () -> new ReadBudget(mostBytes, longest));
    }

    private static void requireGivenUp(DiskInspection inspection, String bound) {
        assertTrue(inspection.freeSpace().isEmpty());
        String refusal = inspection.refusal().orElse("");
        assertTrue(refusal.contains(bound) && refusal.contains("nothing of it is touched"), refusal);
        assertTrue(inspection.doubt().isPresent());
    }

    @Test
    void aVolumeThatIsReadWithoutEndEndsTheInspection() throws IOException {
        DiskInspection inspection = assertTimeout(
                Duration.ofSeconds(20), () -> inspector(64 * MIB, LONG).inspect(disk(), "sda", 512));
        requireGivenUp(inspection, "67108864 bytes of reading");
        FilesystemFinding first = inspection.filesystems().get(0);
        assertInstanceOf(FilesystemState.FreeSpace.class, first.state());
        FilesystemFinding second = inspection.filesystems().get(1);
        assertEquals("unsupported", second.state().contractName());
        assertTrue(second.state().reasonText().startsWith("not looked at"), second.state()::reasonText);
    }

    @Test
    void soDoesTime() throws IOException {
        DiskInspection inspection = assertTimeout(
                Duration.ofSeconds(20),
                () -> inspector(Long.MAX_VALUE, Duration.ofMillis(200)).inspect(disk(), "sda", 512));
        requireGivenUp(inspection, "200 ms");
    }

    @Test
    void disksThatAreLookedAtTogetherShareOneBudget() throws IOException {
        List<DiskInspection> inspections = inspector(64 * MIB, LONG)
                .inspectTogether(List.of(
                        new GuestDisk(disk(), "sda", 512), new GuestDisk(disk().put(2 * MIB, 'X'), "sdb", 512)));
        for (DiskInspection inspection : inspections) {
            requireGivenUp(inspection, "67108864 bytes of reading");
        }
        assertEquals(
                List.of(2, 0),
                inspections.stream()
                        .map(inspection -> inspection.filesystems().size())
                        .toList());
    }

    /** Wherever the bound lies: everything is known, or nothing is free. */
    @Test
    void nothingIsFreeOnADiskThatIsHalfLookedAt() throws IOException {
        ExternalTool.assume("mke2fs", "e2fsprogs");
        ExternalTool.assume("sgdisk", "gdisk");
        Path image = ExternalTool.sparse(directory.resolve("disk"), 16 * MIB);
        try (LvmHost host = new LvmHost(directory.resolve("host"))) {
            ExternalTool.run("sgdisk", "-n1:1M:+4M", "-n2:6M:+8M", image.toString());
            ExternalTool.run(
                    "mke2fs",
                    "-q",
                    "-F",
                    "-b",
                    "1024",
                    "-E",
                    "offset=" + MIB,
                    image.toString(),
                    Integer.toString(4096));
            host.add(image, 6 * MIB, 8 * MIB);
            host.lvm("vgcreate -s 1M vg @0");
            host.lvm("lvcreate -an -Zn -Wn -y -L 2M -n one vg");
        }
        MemoryDisk disk = MemoryDisk.load(image);
        DiskInspection whole = within(disk, 1L << 40);
        assertEquals(Optional.empty(), whole.refusal());
        assertEquals(3, whole.filesystems().size());
        int givenUp = 0;
        long bound = 0;
        for (DiskInspection found = within(disk, bound); found.refusal().isPresent(); found = within(disk, bound)) {
            requireGivenUp(found, "bytes of reading");
            givenUp++;
            bound += 9_973;
        }
        assertTrue(givenUp > 50, givenUp + " bounds");
        assertEquals(whole, within(disk, bound));
    }

    private static DiskInspection within(MemoryDisk disk, long bytes) throws IOException {
        return new DiskInspector(
                        List.of(new ExtReader(), new SwapReader()),
                        ClosedVolumes.NONE,
                        () -> new ReadBudget(bytes, LONG))
                .inspect(disk, "sda", 512);
    }
}
