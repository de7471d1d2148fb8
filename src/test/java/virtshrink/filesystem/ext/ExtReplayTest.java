package virtshrink.filesystem.ext;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ByteRange;
import virtshrink.block.FileBlockSource;
import virtshrink.block.RangeSet;
import virtshrink.block.StructureBytes;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.MountedImage;
import virtshrink.filesystem.TreeDigest;
import virtshrink.filesystem.ZeroFreeSpace;

/**
 * Filesystems whose guest was powered off hard, read with their journals replayed in memory: what is free then is what is free after e2fsprogs
 * has replayed them, and without it nothing is missing after the kernel has. One round for each kind; many with {@code virtshrink.proofs}.
 */
class ExtReplayTest {
    private static final int ROUNDS = Boolean.getBoolean("virtshrink.proofs") ? 16 : 1;

    @TempDir
    Path directory;

    @BeforeAll
    static void needsToolsAndRoot() {
        CrashedExt.assumePossible();
    }

    @ParameterizedTest(name = "{0} mounted {1}")
    @CsvSource(delimiter = '|', textBlock = """
            -t ext3 -b 1024 -J size=1                          | rw
            -t ext3 -b 4096 -J size=4                          | rw,data=journal
            -t ext4 -b 4096 -J size=4                          | rw
            -t ext4 -b 1024 -J size=1                          | rw
            -t ext4 -b 1024 -O ^64bit -J size=1                | rw
            -t ext4 -b 1024 -O ^metadata_csum,64bit -J size=1  | rw
            -t ext4 -b 4096 -O ^metadata_csum -J size=4        | rw,journal_checksum
            -t ext4 -b 1024 -O ^metadata_csum -J size=1        | rw,journal_async_commit,data=writeback
            -t ext4 -b 4096 -J size=4                          | rw,journal_async_commit,data=writeback
            -t ext4 -b 1024 -J size=2                          | rw,data=journal
            -t ext4 -b 4096 -C 16384 -O bigalloc -J size=4     | rw
            -t ext4 -b 1024 -O meta_bg,^resize_inode -J size=1 | rw
            -t ext4 -b 1024 -g 1024 -O orphan_file -J size=1   | rw
            -t ext4 -b 1024 -O ^flex_bg,metadata_csum_seed     | rw
            """)
    void foretellsWhatAReplayLeavesFree(String makeOptions, String mountOptions) throws IOException {
        for (int round = 0; round < ROUNDS; round++) {
            long seed = 1000L * makeOptions.hashCode() + round;
            String circumstances = makeOptions + " " + mountOptions + " seed " + seed;
            Path crashed = CrashedExt.crash(
                    directory.resolve("image"), makeOptions, mountOptions, seed, ROUNDS > 1 ? 300 : 100);
            RangeSet free = space(crashed, circumstances).free();
            Path replayed = replayed(crashed);
            E2fsprogs.Dump expected = E2fsprogs.dump(replayed);
            assertEquals(expected.free(), free, circumstances);
            assertEquals(
                    expected.free().totalBytes(), space(crashed, circumstances).freeBytes(), circumstances);
            assertSameBlocks(crashed, replayed, circumstances);
            assertNothingIsMissing(crashed, free, seed, circumstances);
        }
    }

    /**
     * Every block reads as it is after a replay, but for the superblock and the journal, which say that it was replayed, and the copies of the
     * superblock and the group descriptors, which debugfs brings up to date.
     */
    private static void assertSameBlocks(Path crashed, Path replayed, String circumstances) throws IOException {
        try (FileBlockSource before = FileBlockSource.open(crashed);
                FileBlockSource after = FileBlockSource.open(replayed)) {
            ExtSuperblock superblock =
                    ExtSuperblock.parse(new StructureBytes("", 1024, before.read(1024, ExtSuperblock.LENGTH_BYTES)));
            ExtRecovery.Replayed foretold =
                    assertInstanceOf(ExtRecovery.Replayed.class, ExtRecovery.run(before, superblock), circumstances);
            RangeSet apart = foretold.journal()
                    .union(RangeSet.of(new ByteRange(1024, 1024)))
                    .union(copies(foretold.geometry()));
            RangeSet all = RangeSet.of(new ByteRange(0, before.sizeBytes()));
            for (ByteRange range : all.subtract(apart)) {
                for (long at = range.startBytes(); at < range.endBytes(); at += 1 << 20) {
                    int length = (int) Math.min(1 << 20, range.endBytes() - at);
                    ByteBuffer expected = after.read(at, length);
                    int difference = expected.mismatch(foretold.volume().read(at, length));
                    assertEquals(-1, difference, circumstances + ": at " + at);
                }
            }
        }
    }

    private static RangeSet copies(ExtGeometry geometry) {
        RangeSet.Builder copies = RangeSet.builder();
        for (long group = 1; group < geometry.groups(); group++) {
            ByteRange head = geometry.headBlocks(group);
            copies.add(
                    head.startBytes() * geometry.blockBytes(),
                    head.endBytes() * geometry.blockBytes() - head.startBytes() * geometry.blockBytes());
        }
        return copies.build();
    }

    /** Noise in what was called free: the check finds as much as before, and the kernel the same files. */
    private void assertNothingIsMissing(Path crashed, RangeSet free, long seed, String circumstances)
            throws IOException {
        Path untouched = directory.resolve("untouched");
        Path scribbled = directory.resolve("scribbled");
        CrashedExt.copy(crashed, untouched);
        CrashedExt.copy(crashed, scribbled);
        ZeroFreeSpace.scribble(scribbled, free, seed);
        treeByTheKernel(untouched).assertSame(treeByTheKernel(scribbled), circumstances);
        String check = E2fsprogs.check(scribbled);
        assertTrue(check.endsWith("exit 0"), () -> circumstances + ": " + check);

        CrashedExt.copy(crashed, untouched);
        CrashedExt.copy(crashed, scribbled);
        ZeroFreeSpace.scribble(scribbled, free, seed);
        assertEquals(
                E2fsprogs.check(untouched, "-fy").replace(untouched.toString(), ""),
                E2fsprogs.check(scribbled, "-fy").replace(scribbled.toString(), ""),
                circumstances);
    }

    private TreeDigest treeByTheKernel(Path image) throws IOException {
        try (MountedImage mounted = MountedImage.mount(image, directory.resolve("mounted"), "rw,noatime")) {
            return TreeDigest.of(mounted.path());
        }
    }

    /** Not by e2fsck, which would clean up orphans as well. */
    private Path replayed(Path crashed) throws IOException {
        Path copy = directory.resolve("replayed");
        CrashedExt.copy(crashed, copy);
        E2fsprogs.replay(copy);
        return copy;
    }

    @ParameterizedTest
    @ValueSource(strings = {"-t ext3 -b 1024 -J size=1", "-t ext4 -b 1024 -J size=1"})
    void noFlippedBitOfTheLogFreesMoreThanAReplayDoes(String makeOptions) throws IOException {
        Path crashed = CrashedExt.crash(directory.resolve("image"), makeOptions, "rw", 7, 150);
        for (int seed = 8; !replayMatters(crashed); seed++) {
            // How much the kernel has committed by then, and not yet written to its place, depends on the moment.
            assertTrue(seed < 30, "no crash leaves anything to replay");
            crashed = CrashedExt.crash(directory.resolve("image"), makeOptions, "rw", seed, 150);
        }
        RangeSet before = space(crashed, makeOptions).free();
        Random random = new Random(7);
        List<Long> log = liveBlocks(crashed);
        int same = 0;
        int rounds = Boolean.getBoolean("virtshrink.proofs") ? 1500 : 30;
        for (int round = 0; round < rounds; round++) {
            // The first of all hits the magic number of the first block that would be replayed: it is certainly looked
            // at.
            boolean first = round == 0;
            long block = first ? log.get(0) : log.get(random.nextInt(log.size()));
            int within = first ? 0 : random.nextBoolean() ? random.nextInt(64) : random.nextInt(1024);
            flip(crashed, block + within, random.nextInt(8));
            FilesystemState state = read(crashed);
            if (state instanceof FilesystemState.FreeSpace space && space.free().equals(before)) {
                same++;
            } else if (state instanceof FilesystemState.FreeSpace space) {
                assertEquals(E2fsprogs.dump(replayed(crashed)).free(), space.free(), "round " + round);
            }
            flip(crashed, block + within, -1);
        }
        assertTrue(same < rounds, "nothing that was flipped was ever looked at");
    }

    /** Without the first block of the log there is nothing to replay; whether anything else is free then. */
    private boolean replayMatters(Path crashed) throws IOException {
        if (logStart(crashed) == 0) {
            return false;
        }
        RangeSet replayed = space(crashed, "whole").free();
        long first = journalBlocks(crashed).get(logStart(crashed));
        flip(crashed, first, 0);
        FilesystemState without = read(crashed);
        flip(crashed, first, -1);
        return !(without instanceof FilesystemState.FreeSpace space
                && space.free().equals(replayed));
    }

    /** Where the blocks of the log lie that are not empty, from the first that a replay looks at, and its superblock at the end. */
    private static List<Long> liveBlocks(Path crashed) throws IOException {
        List<Long> blocks = journalBlocks(crashed);
        int start = logStart(crashed);
        List<Long> live = new ArrayList<>();
        try (FileBlockSource volume = FileBlockSource.open(crashed)) {
            for (int i = 0; i < blocks.size() - 1; i++) {
                long at = blocks.get(1 + (start - 1 + i) % (blocks.size() - 1));
                if (volume.read(at, 1024).mismatch(ByteBuffer.allocate(1024)) >= 0) {
                    live.add(at);
                }
            }
        }
        live.add(blocks.get(0));
        return live;
    }

    /** s_start of the journal's superblock: 0 if there is nothing to replay. */
    private static int logStart(Path crashed) throws IOException {
        try (FileBlockSource volume = FileBlockSource.open(crashed)) {
            return volume.read(journalBlocks(crashed).get(0), 1024)
                    .order(ByteOrder.BIG_ENDIAN)
                    .getInt(28);
        }
    }

    private static List<Long> journalBlocks(Path crashed) throws IOException {
        List<Long> blocks = new ArrayList<>();
        for (ByteRange piece : journal(crashed)) {
            for (long at = piece.startBytes(); at < piece.endBytes(); at += 1024) {
                blocks.add(at);
            }
        }
        return blocks;
    }

    private static RangeSet journal(Path image) throws IOException {
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            ExtSuperblock superblock =
                    ExtSuperblock.parse(new StructureBytes("", 1024, volume.read(1024, ExtSuperblock.LENGTH_BYTES)));
            return assertInstanceOf(ExtRecovery.Replayed.class, ExtRecovery.run(volume, superblock))
                    .journal();
        }
    }

    private int flipped;

    /** @param bit to flip, or -1 for the last one again */
    private void flip(Path image, long at, int bit) throws IOException {
        flipped = bit < 0 ? flipped : bit;
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer one = ByteBuffer.allocate(1);
            channel.read(one, at);
            one.put(0, (byte) (one.get(0) ^ 1 << flipped));
            channel.write(one.flip(), at);
        }
    }

    @ParameterizedTest
    @CsvSource({"S1SUSPEND,4096,rw", "ULSUSPEND,65536,rw", "LINHIB0001,16384,'rw,data=journal'"})
    void aGuestHibernatedInASwapFileIsRecognised(String mark, int pageBytes, String mountOptions) throws IOException {
        for (String type : List.of("-t ext3 -b 1024", "-t ext4 -b 4096")) {
            Path image = directory.resolve("image");
            Path copy = directory.resolve("copy");
            E2fsprogs.make(image, 48 << 20, type.split(" ", -1));
            try (MountedImage mounted = MountedImage.mount(image, directory.resolve("mounted"), mountOptions)) {
                Path deep = Files.createDirectories(mounted.path().resolve("a/b"));
                byte[] swap = new byte[2 << 20];
                new Random(1).nextBytes(swap);
                byte[] bytes = mark.getBytes(java.nio.charset.StandardCharsets.US_ASCII);
                System.arraycopy(bytes, 0, swap, pageBytes - 10, bytes.length);
                Files.write(deep.resolve("swap.img"), swap);
                mounted.sync();
                Files.write(mounted.path().resolve("more"), new byte[10_000]);
                virtshrink.block.ExternalTool.run(
                        "xfs_io", "-x", "-c", "shutdown -f", mounted.path().toString());
                CrashedExt.copy(image, copy);
            }
            FilesystemState state = read(copy);
            assertInstanceOf(FilesystemState.Hibernated.class, state, type + ": " + state);
            assertTrue(state.reasonText().contains(mark), state::reasonText);
        }
    }

    @Test
    void isDirtyUnlessTheReplayIsAskedFor() throws IOException {
        Path crashed = CrashedExt.crash(directory.resolve("image"), "-t ext4 -b 1024", "rw", 3, 30);
        assertInstanceOf(FilesystemState.FreeSpace.class, read(crashed));
        try (FileBlockSource volume = FileBlockSource.open(crashed)) {
            FilesystemState state = new ExtReader().read(volume).state();
            assertInstanceOf(FilesystemState.Dirty.class, state);
            assertTrue(state.reasonText().contains("replay-journals"), state::reasonText);
        }
    }

    @Test
    void nothingIsReplayedOfACleanFilesystem() throws IOException {
        Path image = directory.resolve("image");
        E2fsprogs.make(image, 16 << 20, "-t", "ext4");
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            FilesystemState plain = new ExtReader().read(volume).state();
            assertEquals(plain, read(image));
            assertEquals(
                    Optional.empty(),
                    assertInstanceOf(FilesystemState.FreeSpace.class, plain).replayed());
        }
    }

    /** Between the mount and its first transaction there is nothing to replay. */
    @Test
    void anEmptyJournalIsReplayedAtOnce() throws IOException {
        Path image = directory.resolve("image");
        E2fsprogs.make(image, 16 << 20, "-t", "ext4");
        RangeSet free = space(image, "clean").free();
        try (MountedImage mounted = MountedImage.mount(image, directory.resolve("mounted"), "rw,noatime")) {
            assertTrue(Files.isDirectory(mounted.path().resolve("lost+found")));
            CrashedExt.copy(image, directory.resolve("copy"));
        }
        FilesystemState.FreeSpace space = space(directory.resolve("copy"), "mounted");
        assertEquals(free, space.free());
        assertTrue(space.replayed().orElse("").contains("the journal is empty"), space.replayed()::toString);
    }

    @ParameterizedTest
    @CsvSource({
        "-t ext4 -b 1024 -O fast_commit, fast commits",
        "-t ext4 -b 1024 -O mmp, multiple-mount protection says that it is mounted"
    })
    void leavesAlone(String makeOptions, String reason) throws IOException {
        Path crashed = CrashedExt.crash(directory.resolve("image"), makeOptions, "rw", 3, 30);
        FilesystemState state = read(crashed);
        assertInstanceOf(FilesystemState.Dirty.class, state);
        assertTrue(state.reasonText().contains(reason), state::reasonText);
    }

    @Test
    void leavesAloneWhatHasItsJournalElsewhere() throws IOException {
        Path image = directory.resolve("image");
        E2fsprogs.make(image, 16 << 20, "-t", "ext4", "-b", "1024", "-O", "^has_journal");
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.WRITE)) {
            // has_journal and a device number, and that recovery is needed; without checksums nothing else changes.
            E2fsprogs.run(List.of("tune2fs", "-O", "^metadata_csum", image.toString()));
            channel.write(ByteBuffer.wrap(new byte[] {(byte) 0x3C}), 1024 + 0x5C);
            channel.write(ByteBuffer.wrap(new byte[] {(byte) 0xC6}), 1024 + 0x60);
            channel.write(ByteBuffer.wrap(new byte[] {1}), 1024 + 0xE4);
        }
        FilesystemState state = read(image);
        assertInstanceOf(FilesystemState.Dirty.class, state, state::reasonText);
        assertTrue(state.reasonText().contains("on another device"), state::reasonText);
    }

    /** Copies of a mounted filesystem in use, as of a guest that was saved to a file: never free space, unless that was asked for. */
    @Test
    void isNeverFreeSpaceWhileItIsInUse() throws IOException {
        int moments = Boolean.getBoolean("virtshrink.proofs") ? 200 : 12;
        Path image = directory.resolve("image");
        Path copy = directory.resolve("copy");
        E2fsprogs.make(image, 48 << 20, "-t", "ext4", "-b", "1024", "-J", "size=1");
        try (MountedImage mounted = MountedImage.mount(image, directory.resolve("mounted"), "rw");
                BusyTree tree = new BusyTree(mounted.path(), 11)) {
            for (int moment = 0; moment < moments; moment++) {
                tree.live(5);
                CrashedExt.copy(image, copy);
                try (FileBlockSource volume = FileBlockSource.open(copy)) {
                    assertInstanceOf(
                            FilesystemState.Dirty.class,
                            new ExtReader().read(volume).state());
                }
                assertFalse(read(copy) instanceof FilesystemState.Unsupported);
            }
        }
    }

    private static FilesystemState.FreeSpace space(Path image, String circumstances) throws IOException {
        FilesystemState state = read(image);
        return assertInstanceOf(
                FilesystemState.FreeSpace.class, state, () -> circumstances + ": " + state.reasonText());
    }

    private static FilesystemState read(Path image) throws IOException {
        try (FileBlockSource volume = FileBlockSource.open(image)) {
            return ExtReader.replayingJournals().read(volume).state();
        }
    }
}
