package virtshrink.filesystem.f2fs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ByteRange;
import virtshrink.block.MemoryDisk;
import virtshrink.filesystem.ByteFlips;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FilesystemState.Corrupt;
import virtshrink.filesystem.FilesystemState.Dirty;
import virtshrink.filesystem.FilesystemState.FreeSpace;
import virtshrink.filesystem.FilesystemState.Unsupported;
import virtshrink.filesystem.KernelImage;

/** One field of a volume that a kernel wrote is changed, its checksums are put right, and the answer is the one that this field asks for. */
class F2fsStatesTest {
    private static final int FLAGS = 132;
    private static final int ROUNDS = 4000;

    @TempDir
    static Path directory;

    /** Changed and changed back: a copy for each test would be 64 MiB. */
    private static Optional<MemoryDisk> made = Optional.empty();

    @BeforeAll
    static void unpack() throws IOException {
        made = Optional.of(MemoryDisk.load(KernelImage.unpack("f2fs-unmounted", directory)));
    }

    @AfterAll
    static void forget() {
        made = Optional.empty();
    }

    private static MemoryDisk disk() {
        return made.orElseThrow();
    }

    private interface Change {
        void apply(MemoryDisk disk);
    }

    /** Everything before the main area is put back. */
    private static FilesystemState after(Change change) throws IOException {
        byte[] bytes = disk().bytes();
        byte[] head = Arrays.copyOf(bytes, main());
        try {
            change.apply(disk());
            return new F2fsReader().read(disk()).state();
        } finally {
            System.arraycopy(head, 0, bytes, 0, head.length);
        }
    }

    private static int main() {
        return F2fsSeal.u32(disk(), F2fsSeal.superblock(0) + 92) * F2fsSeal.BLOCK_BYTES;
    }

    private static void assertReason(Class<? extends FilesystemState> state, String reason, FilesystemState found) {
        assertInstanceOf(state, found, found::reasonText);
        assertTrue(found.reasonText().contains(reason), found::reasonText);
    }

    private static FilesystemState withSuperblock(int at, long value) throws IOException {
        return after(disk -> {
            disk.u32le(F2fsSeal.superblock(0) + at, value);
            F2fsSeal.superblocks(disk);
        });
    }

    private static FilesystemState withCheckpoint(int at, long value) throws IOException {
        return after(disk -> {
            int pack = F2fsSeal.newestPack(disk);
            disk.u32le(pack + at, value);
            F2fsSeal.checkpoints(disk, pack);
        });
    }

    @Test
    void anUnmountedVolumeHasFreeSpace() throws IOException {
        FilesystemReport report = new F2fsReader().read(disk());
        FreeSpace space = assertInstanceOf(FreeSpace.class, report.state());
        assertFalse(space.marksUse());
        assertFalse(space.free().overlaps(new ByteRange(0, main())));
        assertEquals(64 << 20, report.identity().totalBytes());
        assertEquals(space, withCheckpoint(FLAGS, flags()));
    }

    private static int flags() {
        return F2fsSeal.u32(disk(), F2fsSeal.newestPack(disk()) + FLAGS);
    }

    @ParameterizedTest
    @CsvSource({
        "0x2, deleted files wait",
        "0x8, containing errors",
        "0x10, needing a check",
        "0x800, quota files",
        "0x1000, disabled",
        "0x2000, disabled",
        "0x4000, resized"
    })
    void aFlagThatAsksForARepairIsDirty(String flag, String reason) throws IOException {
        assertReason(Dirty.class, reason, withCheckpoint(FLAGS, flags() | Integer.decode(flag)));
    }

    @Test
    void aCheckpointThatIsNotOfAnUnmountIsDirty() throws IOException {
        assertReason(Dirty.class, "not cleanly unmounted", withCheckpoint(FLAGS, flags() & ~1));
    }

    @Test
    void aFlagThatNobodyKnowsIsUnsupported() throws IOException {
        assertReason(Unsupported.class, "unknown checkpoint flags 0x8000", withCheckpoint(FLAGS, flags() | 0x8000));
    }

    @Test
    void aCheckpointThatIsNotWholeIsDirty() throws IOException {
        for (int number = 0; number < 2; number++) {
            int pack = F2fsSeal.pack(disk(), number);
            assertReason(Dirty.class, "one of its two checkpoints", after(disk -> disk.bytes()[pack + 500] ^= 1));
            int last = F2fsSeal.lastBlock(disk(), pack);
            assertReason(Dirty.class, "one of its two checkpoints", after(disk -> disk.bytes()[last + 500] ^= 1));
        }
        assertReason(
                Dirty.class,
                "neither of its checkpoints",
                after(disk -> disk.put(F2fsSeal.pack(disk, 0), 1).put(F2fsSeal.pack(disk, 1), 1)));
    }

    @Test
    void countsThatDisagreeAreCorrupt() throws IOException {
        int pack = F2fsSeal.newestPack(disk());
        assertReason(
                Corrupt.class,
                "valid blocks, the checkpoint says",
                withCheckpoint(16, F2fsSeal.u32(disk(), pack + 16) - 1));
        assertReason(
                Unsupported.class,
                "1 blocks are counted as used",
                withCheckpoint(16, F2fsSeal.u32(disk(), pack + 16) + 1));
        assertReason(Corrupt.class, "free segments, the checkpoint says", withCheckpoint(32, 5));
        assertReason(Corrupt.class, "valid nodes, the checkpoint says", withCheckpoint(144, 5));
    }

    @Test
    void placesOutsideOfTheVolumeAreCorrupt() throws IOException {
        assertReason(Corrupt.class, "is written to next", withCheckpoint(36, 24));
        assertReason(Corrupt.class, "is written to next", withCheckpoint(116, 512));
        assertReason(Corrupt.class, "summaries begin in block", withCheckpoint(140, 500));
        assertReason(Corrupt.class, "version bitmaps of", withCheckpoint(156, 63));
    }

    @ParameterizedTest
    @CsvSource({
        "0x2, blkzoned",
        "0x4000, ro",
        "0x8000, device_alias",
        "0x10000, packed_ssa",
        "0x20000, unknown feature 0x20000"
    })
    void otherFeaturesAreUnsupported(String feature, String reason) throws IOException {
        int features = F2fsSeal.u32(disk(), F2fsSeal.superblock(0) + 2180);
        assertReason(Unsupported.class, reason, withSuperblock(2180, features | Integer.decode(feature)));
    }

    @Test
    void severalDevicesAreUnsupported() throws IOException {
        assertReason(Unsupported.class, "several devices", withSuperblock(2201, '/'));
    }

    @Test
    void aStopForErrorsIsDirty() throws IOException {
        assertReason(Dirty.class, "stopped for errors", withSuperblock(2764, 1));
    }

    @Test
    void layoutsThatContradictThemselvesAreCorrupt() throws IOException {
        assertReason(Corrupt.class, "do not adjoin", withSuperblock(80, 7));
        assertReason(Corrupt.class, "do not adjoin", withSuperblock(68, 25));
        assertReason(Corrupt.class, "blocks of 4096 bytes expected", withSuperblock(36, 16385));
        assertReason(Corrupt.class, "only blocks of 4096 bytes", withSuperblock(16, 14));
        assertReason(Corrupt.class, "segments of 2^8 blocks", withSuperblock(20, 8));
        assertReason(Corrupt.class, "a checkpoint with 600 more blocks", withSuperblock(1664, 600));
    }

    @Test
    void aSecondSuperblockOfAnotherVolumeIsCorrupt() throws IOException {
        assertReason(Corrupt.class, "checksum", after(disk -> disk.bytes()[F2fsSeal.superblock(1) + 108] ^= 1));
        assertReason(Corrupt.class, "the second one describes another", after(disk -> {
            byte[] first = Arrays.copyOf(disk.bytes(), F2fsSeal.BLOCK_BYTES);
            disk.bytes()[F2fsSeal.superblock(0) + 108] ^= 1;
            F2fsSeal.superblocks(disk);
            disk.putBytes(0, first);
        }));
    }

    @Test
    void aJournalThatContradictsItselfIsCorrupt() throws IOException {
        int journal = F2fsSeal.journal(disk());
        assertEquals(5, F2fsSeal.u32(disk(), journal) & 0xFFFF);
        assertReason(Corrupt.class, "7 entries", after(disk -> disk.u16le(journal, 7)));
        assertReason(Corrupt.class, "segment 24 of 24", after(disk -> disk.u32le(journal + 2, 24)));
        assertReason(
                Corrupt.class,
                "is there twice",
                after(disk -> disk.u32le(journal + 2, F2fsSeal.u32(disk, journal + 2 + 78))));
    }

    @Test
    void everyFlippedBitOfASuperblockIsFoundByItsChecksum() throws IOException {
        ByteFlips flips = new ByteFlips(new F2fsReader(), disk());
        for (int copy = 0; copy < 2; copy++) {
            int start = F2fsSeal.superblock(copy);
            // But for the bit that declares the checksum.
            assertTrue(
                    flips.unnoticedIn(new ByteRange(start, 3072)).stream()
                            .allMatch(flip -> flip.offsetBytes() == start + 2181 && flip.bit() == 3),
                    "copy " + copy);
        }
    }

    @Test
    void everyFlippedBitOfACheckpointIsFoundByItsChecksum() throws IOException {
        ByteFlips flips = new ByteFlips(new F2fsReader(), disk());
        for (int number = 0; number < 2; number++) {
            int pack = F2fsSeal.pack(disk(), number);
            flips.assertAllNoticedIn("head of pack " + number, new ByteRange(pack, 200));
            flips.assertAllNoticedIn("head of pack " + number, new ByteRange(pack + 4090, 6));
            flips.assertAllNoticedIn("tail of pack " + number, new ByteRange(F2fsSeal.lastBlock(disk(), pack), 200));
        }
    }

    @Test
    void everyFlippedBitOfTheMapsIsFoundByTheirCounts() throws IOException {
        ByteFlips flips = new ByteFlips(new F2fsReader(), disk());
        int journal = F2fsSeal.journal(disk());
        for (int entry = 0; entry < 5; entry++) {
            int at = journal + 2 + entry * 78;
            flips.assertAllNoticedIn("segment in the journal", new ByteRange(at, 4));
            flips.assertAllNoticedIn("map in the journal", new ByteRange(at + 6, 64));
            // The type of a segment: which of the logs of data filled it does not matter.
            flips.unnoticedIn(new ByteRange(at + 4, 2));
        }
        int pack = F2fsSeal.newestPack(disk());
        int copy = (disk().bytes()[pack + 192] & 0x80) != 0 ? 1 : 0;
        int table = F2fsSeal.u32(disk(), F2fsSeal.superblock(0) + 80) * F2fsSeal.BLOCK_BYTES
                + copy * F2fsSeal.SEGMENT_BYTES;
        List<Integer> journalled = IntStream.range(0, 5)
                .mapToObj(entry -> F2fsSeal.u32(disk(), journal + 2 + entry * 78))
                .toList();
        for (int segment = 0; segment < 24; segment++) {
            if (!journalled.contains(segment)) {
                flips.assertAllNoticedIn("segment " + segment, new ByteRange(table + segment * 74L + 2, 64));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 20261122})
    void answersWithAStateWhateverTheBytes(long seed) {
        Random random = new Random(seed);
        int main = main();
        int[] places = {
            F2fsSeal.superblock(0),
            F2fsSeal.newestPack(disk()),
            F2fsSeal.journal(disk()),
            F2fsSeal.u32(disk(), F2fsSeal.superblock(0) + 80) * F2fsSeal.BLOCK_BYTES
        };
        assertTimeoutPreemptively(Duration.ofSeconds(60), () -> {
            for (int round = 0; round < ROUNDS; round++) {
                FilesystemState state;
                int number = round;
                try {
                    state = afterMutation(random, places, main);
                } catch (RuntimeException failed) {
                    throw new AssertionError("seed " + seed + ", round " + number, failed);
                }
                if (state instanceof FreeSpace space) {
                    assertFalse(space.free().overlaps(new ByteRange(0, 4096)), "seed " + seed + ", round " + number);
                }
            }
        });
    }

    /** Only what was changed is put back, and what the checksums cover. */
    private static FilesystemState afterMutation(Random random, int[] places, int main) throws IOException {
        MemoryDisk disk = disk();
        byte[] bytes = disk.bytes();
        byte[] blocks = Arrays.copyOf(bytes, 2 * F2fsSeal.BLOCK_BYTES);
        int pack = places[1];
        int last = F2fsSeal.lastBlock(disk, pack);
        byte[] packed = Arrays.copyOfRange(bytes, pack, last + F2fsSeal.BLOCK_BYTES);
        byte[] table = Arrays.copyOfRange(bytes, places[3], Math.min(main, places[3] + 8192));
        try {
            for (int i = 0; i <= random.nextInt(4); i++) {
                int at = places[random.nextInt(places.length)] + random.nextInt(random.nextBoolean() ? 200 : 2200);
                switch (random.nextInt(3)) {
                    case 0 -> disk.put(at, random.nextInt());
                    case 1 -> disk.u16le(at & ~1, random.nextInt(2000));
                    default -> disk.u32le(at & ~3, random.nextBoolean() ? random.nextInt(70) : random.nextInt());
                }
            }
            if (random.nextInt(8) != 0) {
                F2fsSeal.superblocks(disk);
                disk.u32le(pack + 4092, F2fsCrc.update((int) F2fsSuperblock.MAGIC, bytes, pack, 4092));
                System.arraycopy(bytes, pack, bytes, last, F2fsSeal.BLOCK_BYTES);
            }
            return new F2fsReader().read(disk).state();
        } finally {
            System.arraycopy(blocks, 0, bytes, 0, blocks.length);
            System.arraycopy(packed, 0, bytes, pack, packed.length);
            System.arraycopy(table, 0, bytes, places[3], table.length);
        }
    }
}
