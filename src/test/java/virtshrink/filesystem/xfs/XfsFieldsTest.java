package virtshrink.filesystem.xfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.ByteFlips;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.xfs.SealedXfs.Structure;

/** Single fields of a real filesystem are changed, with and without their checksums made right again. */
class XfsFieldsTest {
    private static final long MIB = 1 << 20;
    private static final int RANDOM_ROUNDS = Boolean.getBoolean("virtshrink.proofs") ? 20_000 : 700;

    @TempDir
    static Path directory;

    private static SealedXfs v5;
    private static SealedXfs v4;

    @BeforeAll
    static void makeFilesystems() throws IOException {
        Xfsprogs.assumeInstalled();
        v5 = SealedXfs.load(Xfsprogs.make(
                directory.resolve("v5"),
                20 * MIB,
                "-d",
                "agcount=1",
                "-m",
                "rmapbt=1,reflink=1,finobt=1,inobtcount=1",
                "-l",
                "size=13m"));
        v4 = SealedXfs.load(
                Xfsprogs.make(directory.resolve("v4"), 20 * MIB, "-d", "agcount=1", "-m", "crc=0", "-l", "size=10m"));
    }

    private static FilesystemState.FreeSpace space(SealedXfs image) {
        FilesystemState state = image.read();
        return assertInstanceOf(FilesystemState.FreeSpace.class, state, state::reasonText);
    }

    @Test
    void bothAreCleanBefore() {
        assertTrue(space(v5).freeBytes() > MIB);
        assertTrue(space(v4).freeBytes() > MIB);
    }

    record Change(Structure structure, int at, long value, String state, String reason) {
        @Override
        public String toString() {
            return "%s+%d = 0x%x".formatted(structure, at, value);
        }
    }

    static Stream<Change> changes() {
        Structure sb = SealedXfs.superblock();
        Structure agf = SealedXfs.agf();
        Structure agi = SealedXfs.agi();
        Structure agfl = SealedXfs.agfl();
        return Stream.of(
                new Change(sb, 212, 0x10, "unsupported", "ro_compat bit 0x10"),
                new Change(sb, 216, 0x80000003L, "unsupported", "unknown feature: incompat bit 0x80000000"),
                new Change(sb, 216, 0x103, "unsupported", "feature metadir (incompat bit 0x100)"),
                new Change(sb, 216, 0x203, "unsupported", "feature zoned (incompat bit 0x200)"),
                new Change(sb, 208, 1, "unsupported", "unknown feature: compat bit 0x1"),
                new Change(sb, 216, 0x13, "dirty", "marked as needing repair"),
                new Change(sb, 220, 1, "dirty", "in use in the log"),
                new Change(sb, 48, 1, "corrupt", "is not within one allocation group"),
                new Change(sb, 20, 1000, "unsupported", "realtime device"),
                new Change(sb, 4, 8192, "corrupt", "block size 8192"),
                new Change(sb, 8, 1, "corrupt", "blocks in 1 allocation groups"),
                new Change(sb, 12, 5000, "corrupt", "blocks"),
                new Change(sb, 84, 5119, "corrupt", "allocation groups of 5119"),
                new Change(sb, 88, 2, "corrupt", "in 2 allocation groups"),
                new Change(sb, 88, 0, "corrupt", "in 0 allocation groups"),
                new Change(sb, 52, 0, "unsupported", "its log lies on another device"),
                new Change(sb, 96, 0, "corrupt", "log of 0 blocks"),
                new Change(sb, 96, 0x7fffffff, "corrupt", "log of"),
                new Change(sb, 148, 12, "corrupt", "the groups together have"),
                new Change(sb, 132, 12, "corrupt", "the groups together have"),
                new Change(sb, 140, 12, "corrupt", "the groups together have"),
                new Change(sb, 204, 2, "unsupported", "differ"),
                new Change(sb, 240, 7, "corrupt", "written at"),
                new Change(sb, 60, 64, "corrupt", "lack the root"),
                new Change(agf, 0, 1, "corrupt", "magic number"),
                new Change(agf, 4, 2, "corrupt", "unknown version"),
                new Change(agf, 8, 1, "corrupt", "of group 1, in group 0"),
                new Change(agf, 12, 5000, "corrupt", "the superblock says 5120"),
                new Change(agf, 16, 2, "corrupt", "magic number"),
                new Change(agf, 16, 0, "corrupt", "is not in group"),
                new Change(agf, 16, 99999, "corrupt", "is not in group"),
                new Change(agf, 20, 1, "corrupt", "magic number"),
                new Change(agf, 28, 2, "corrupt", "level 0, expected 1"),
                new Change(agf, 28, 0, "corrupt", "0 levels"),
                new Change(agf, 32, 99, "corrupt", "99 levels"),
                new Change(agf, 40, 3, "corrupt", "in the free list"),
                new Change(agf, 44, 1000, "corrupt", "in the free list"),
                new Change(agf, 48, 1, "corrupt", "in the free list"),
                new Change(agf, 52, 2000, "corrupt", "the trees say"),
                new Change(agf, 56, 12, "corrupt", "the trees say"),
                new Change(agf, 60, 1, "corrupt", "blocks of trees, there are 0"),
                new Change(agf, 64, 1, "corrupt", "belongs to filesystem"),
                new Change(agf, 80, 2, "corrupt", "of reverse mappings, there are 1"),
                new Change(agf, 84, 2, "corrupt", "of reference counts, there are 1"),
                new Change(agf, 208, 7, "corrupt", "written at 7"),
                new Change(agi, 16, 128, "corrupt", "inodes or blocks"),
                new Change(agi, 28, 1, "corrupt", "inodes or blocks"),
                new Change(agi, 336, 7, "corrupt", "inodes or blocks"),
                new Change(agi, 340, 7, "corrupt", "inodes or blocks"),
                new Change(agfl, 4, 1, "corrupt", "of group 1"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("changes")
    void saysWhatIsWrongWithAField(Change change) {
        FilesystemState state =
                v5.copy().u32(change.structure(), change.at(), change.value()).read();
        assertEquals(change.state(), state.contractName(), state::reasonText);
        assertTrue(state.reasonText().contains(change.reason()), state::reasonText);
    }

    @Test
    void sectorsLargerThanBlocksAreRefused() {
        SealedXfs image = v4.copy();
        image.disk.put(102, 0x20, 0).put(121, 13);
        FilesystemState state = image.read();
        assertEquals("corrupt", state.contractName(), state::reasonText);
        assertTrue(state.reasonText().contains("sectors of 8192 bytes in blocks of 4096"), state::reasonText);
    }

    @Test
    void filesystemsThatWereNeverFinishedAreLeftAlone() {
        assertInstanceOf(
                FilesystemState.Dirty.class,
                v5.copy().u8(SealedXfs.superblock(), 126, 1).read());
    }

    static Stream<Arguments> structures() {
        List<Arguments> all = new ArrayList<>();
        v5.all().forEach(structure -> all.add(Arguments.of(structure.name(), structure)));
        return all.stream();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("structures")
    void everyBitThatAChecksumCoversIsNoticed(String name, Structure structure) throws IOException {
        ByteFlips flips = new ByteFlips(new XfsReader(), v5.copy().disk);
        for (int at = 0; at < structure.length(); at += at < 64 ? 3 : structure.length() / 40) {
            flips.assertAllNoticedIn(name, new ByteRange(structure.offset() + at, 1));
        }
    }

    @Test
    void flippedBitsOfVersion4AndOfTheLogNeverFreeMore() throws IOException {
        for (SealedXfs image : List.of(v4, v5)) {
            ByteFlips flips = new ByteFlips(new XfsReader(), image.copy().disk);
            int log = image.logOffset();
            flips.unnoticedIn(new ByteRange(log, 48));
            flips.unnoticedIn(new ByteRange(log + 300, 24));
            flips.unnoticedIn(new ByteRange(log + 512, 16));
        }
        ByteFlips flips = new ByteFlips(new XfsReader(), v4.copy().disk);
        for (Structure structure : v4.all()) {
            flips.unnoticedIn(new ByteRange(structure.offset(), 64));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    void randomFieldsNeverFreeMore(long seed) {
        Random random = new Random(seed);
        SealedXfs original = seed == 1 ? v5 : v4;
        RangeSet free = space(original).free();
        List<Structure> structures = original.all();
        SealedXfs image = original.copy();
        for (int round = 0; round < RANDOM_ROUNDS; round++) {
            Deque<Runnable> undo = new ArrayDeque<>();
            StringBuilder what = new StringBuilder("seed " + seed + " round " + round);
            for (int i = random.nextInt(3); i >= 0; i--) {
                Structure structure = structures.get(random.nextInt(structures.size()));
                int at = random.nextInt(random.nextInt(8) == 0 ? structure.length() - 4 : 120) & ~3;
                int value = switch (random.nextInt(4)) {
                    case 0 -> random.nextInt();
                    case 1 -> random.nextInt(64);
                    case 2 -> image.u32(structure.offset() + at) + random.nextInt(9) - 4;
                    default -> -1;
                };
                what.append(", ")
                        .append(structure)
                        .append('+')
                        .append(at)
                        .append(" = ")
                        .append(value);
                int from = structure.offset();
                byte[] before = Arrays.copyOfRange(image.disk.bytes(), from, from + structure.length());
                undo.push(() -> image.disk.putBytes(from, before));
                image.u32(structure, at, value);
            }
            if (image.read() instanceof FilesystemState.FreeSpace space) {
                assertTrue(space.free().subtract(free).isEmpty(), () -> "more is free: " + what);
            }
            undo.forEach(Runnable::run);
        }
    }
}
