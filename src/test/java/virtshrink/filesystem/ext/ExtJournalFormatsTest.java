package virtshrink.filesystem.ext;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.Crc32c;
import virtshrink.block.MemoryDisk;
import virtshrink.block.RangeSet;
import virtshrink.block.StructureBytes;
import virtshrink.filesystem.ByteFlips;
import virtshrink.filesystem.FilesystemState;

/** Journals of every format that jbd2 ever had, with and without faults, against what e2fsprogs makes of them. */
class ExtJournalFormatsTest {
    private static final int FIRST_FREE = 4000;
    private static final int BLOCKS = 6144;

    @TempDir
    static Path directory;

    private static MemoryDisk clean = new MemoryDisk(0);

    @BeforeAll
    static void makeFilesystem() throws IOException {
        E2fsprogs.assumeInstalled();
        Path image = directory.resolve("image");
        E2fsprogs.make(image, BLOCKS << 10, "-t", "ext4", "-b", "1024", "-J", "size=1");
        clean = MemoryDisk.load(image);
    }

    static Stream<Arguments> formats() {
        return Stream.of(
                Arguments.of("none", 0, JournalWriter.REVOKE),
                Arguments.of("64bit", 0, JournalWriter.REVOKE | JournalWriter.WIDE),
                Arguments.of("v1", 1, JournalWriter.REVOKE),
                Arguments.of("v1 64bit async", 1, JournalWriter.REVOKE | JournalWriter.WIDE | JournalWriter.ASYNC),
                Arguments.of("v2", 0, JournalWriter.REVOKE | JournalWriter.CSUM_V2),
                Arguments.of("v2 64bit", 0, JournalWriter.REVOKE | JournalWriter.CSUM_V2 | JournalWriter.WIDE),
                Arguments.of("v3", 0, JournalWriter.REVOKE | JournalWriter.CSUM_V3),
                Arguments.of("v3 64bit", 0, JournalWriter.REVOKE | JournalWriter.CSUM_V3 | JournalWriter.WIDE),
                Arguments.of(
                        "v3 64bit async",
                        0,
                        JournalWriter.REVOKE | JournalWriter.CSUM_V3 | JournalWriter.WIDE | JournalWriter.ASYNC));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("formats")
    void readsEveryBlockAsAReplayLeavesIt(String name, int compat, int incompat) throws IOException {
        for (int seed = 0; seed < 8; seed++) {
            Random random = new Random(31L * name.hashCode() + seed);
            JournalWriter journal = random(random, compat, incompat);
            assertSameAsReplayed(journal.disk, name + " seed " + seed);
        }
    }

    /** Transactions over the free blocks at the end, beginning anywhere in the log; the last one has no commit block. */
    private static JournalWriter random(Random random, int compat, int incompat) throws IOException {
        MemoryDisk disk = clean.copy();
        int start = random.nextBoolean() ? 1 : 1 + random.nextInt(1023);
        JournalWriter journal =
                new JournalWriter(disk, compat, incompat, start, random.nextBoolean() ? -3 : random.nextInt(1000));
        int transactions = 1 + random.nextInt(12);
        for (int i = 0; i < transactions; i++) {
            journal.transaction(writes(random, 1 + random.nextInt(60)), revokes(random));
        }
        if (random.nextBoolean()) {
            journal.open(writes(random, 1 + random.nextInt(20)), revokes(random));
        }
        return journal;
    }

    private static List<JournalWriter.Write> writes(Random random, int count) {
        List<JournalWriter.Write> writes = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            byte[] content = new byte[1024];
            random.nextBytes(content);
            if (random.nextInt(5) == 0) {
                ByteBuffer.wrap(content).putInt((int) ExtJournalSuperblock.MAGIC);
            }
            writes.add(new JournalWriter.Write(FIRST_FREE + random.nextInt(100), ByteBuffer.wrap(content)));
        }
        return writes;
    }

    private static List<Long> revokes(Random random) {
        List<Long> revoked = new ArrayList<>();
        int count = random.nextInt(3) == 0 ? random.nextInt(40) : 0;
        for (int i = 0; i < count; i++) {
            revoked.add((long) FIRST_FREE + random.nextInt(100));
        }
        return revoked;
    }

    private static void assertSameAsReplayed(MemoryDisk disk, String circumstances) throws IOException {
        ExtRecovery.Replayed foretold =
                assertInstanceOf(ExtRecovery.Replayed.class, recover(disk), () -> circumstances);
        MemoryDisk replayed = replayed(disk);
        RangeSet apart = foretold.journal().union(RangeSet.of(new ByteRange(1024, 1024)));
        for (int block = 0; block < BLOCKS; block++) {
            if (!apart.overlaps(new ByteRange(block * 1024L, 1024))) {
                assertArrayEquals(
                        Arrays.copyOfRange(replayed.bytes(), block * 1024, block * 1024 + 1024),
                        foretold.volume().read(block * 1024L, 1024).array(),
                        circumstances + ", block " + block);
            }
        }
        ByteBuffer odd = foretold.volume().read(FIRST_FREE * 1024L + 1, 90_000);
        assertEquals(ByteBuffer.wrap(replayed.bytes(), FIRST_FREE * 1024 + 1, 90_000), odd, circumstances);
    }

    /** What is wrong, with a journal of one kind, and the only answer to it. */
    static Stream<Arguments> faults() {
        int v3 = JournalWriter.CSUM_V3 | JournalWriter.WIDE;
        return Stream.of(
                fault("it has fast commits", 0, v3, superblock(0x28, v3 | JournalWriter.FAST_COMMIT)),
                fault("unknown feature: incompat bit 0x40", 0, v3, superblock(0x28, v3 | 0x40)),
                fault("unknown feature: ro_compat bit 0x1", 0, v3, superblock(0x2C, 1)),
                fault("unknown feature: compat bit 0x2", 0, v3, superblock(0x24, 2)),
                fault("several kinds of checksum", 0, v3, superblock(0x24, 1)),
                fault("several kinds of checksum", 0, v3, superblock(0x28, v3 | JournalWriter.CSUM_V2)),
                fault("the journal was aborted with error -5", 0, v3, superblock(0x20, -5)),
                fault("of version 1 and has fields of version 2", 0, 0x1, superblock(0x4, 3)),
                fault("2 filesystems share it", 0, v3, superblock(0x40, 2)),
                fault("unknown checksum algorithm 1", 0, v3, superblock(0x50, 1 << 24)),
                fault("it says to have 1025 blocks, its file has 1024", 0, v3, superblock(0x10, 1025)),
                fault("it says to have 1023 blocks, its file has 1024", 0, v3, superblock(0x10, 1023)),
                fault("its log begins at block 7 of 0 to 1024", 0, v3, superblock(0x14, 0)),
                fault("its log begins at block 7 of 8 to 1024", 0, v3, superblock(0x14, 8)),
                fault("its log begins at block 1024 of 1 to 1024", 0, v3, superblock(0x1C, 1024)),
                fault(
                        "journal_superblock_s at offset",
                        0,
                        v3,
                        journal -> journal.disk.bytes()[journal.offset(0) + 0xFC]++),
                fault("jbd2 descriptor block", 0, v3, journal -> flip(journal, journal.descriptors.get(1), 900)),
                fault("commit_header", 0, v3, journal -> flip(journal, journal.commits.get(1), 900)),
                fault("jbd2_journal_revoke_header_s", 0, v3, journal -> flip(journal, journal.revokes.get(0), 900)),
                fault("does not match in the log", 0, v3, journal -> flip(journal, journal.logged.get(2), 900)),
                fault(
                        "does not match in the log",
                        0,
                        JournalWriter.CSUM_V2,
                        journal -> flip(journal, journal.logged.get(2), 9)),
                fault("checksum of transaction 11", 1, 0, journal -> flip(journal, journal.logged.get(3), 900)),
                fault(
                        "checksum of transaction 11",
                        1,
                        JournalWriter.ASYNC,
                        journal -> flip(journal, journal.logged.get(3), 9)),
                fault(
                        "checksum of transaction 12",
                        0,
                        v3 | JournalWriter.ASYNC,
                        journal -> flip(journal, journal.commits.get(2), 900)),
                fault("unknown flags 0x4", 0, 0, descriptor(12 + 6, 4)),
                fault("unknown flags 0x1000", 0, JournalWriter.CSUM_V3, descriptor(12 + 4 + 1, 1)),
                fault("no tag says to be the last", 0, 0, journal -> {
                    for (int at = 12; at < 1020; at += 8) {
                        journal.disk.bytes()[journal.offset(journal.descriptors.get(0)) + at + 7] = 2;
                    }
                }),
                fault("is not within the filesystem's 6144", 0, 0, descriptor(12, 4)),
                fault("block 288230376151", 0, JournalWriter.WIDE, descriptor(12 + 8, 4)),
                fault("unknown block type 3 in the log", 0, 0, descriptor(7, 3)),
                fault(
                        "18 bytes in use",
                        0,
                        0,
                        journal -> journal.disk.bytes()[journal.offset(journal.revokes.get(0)) + 15] = 18),
                fault("1025 bytes in use", 0, 0, journal -> {
                    journal.disk.bytes()[journal.offset(journal.revokes.get(0)) + 14] = 4;
                    journal.disk.bytes()[journal.offset(journal.revokes.get(0)) + 15] = 1;
                }),
                fault(
                        "0 bytes in use",
                        0,
                        0,
                        journal -> journal.disk.bytes()[journal.offset(journal.revokes.get(0)) + 15] = 0));
    }

    private static Arguments fault(String reason, int compat, int incompat, Consumer<JournalWriter> change) {
        return Arguments.of(reason, compat, incompat, change);
    }

    private static Consumer<JournalWriter> superblock(int at, int value) {
        return journal -> {
            byte[] head = journal.block(0);
            ByteBuffer.wrap(head).putInt(at, value);
            journal.sealSuperblock(head);
            journal.putBlock(0, head);
        };
    }

    /** Changes a byte of the first descriptor and makes its checksum right again. */
    private static Consumer<JournalWriter> descriptor(int at, int value) {
        return journal -> {
            byte[] descriptor = journal.block(journal.descriptors.get(0));
            descriptor[at] = (byte) value;
            journal.sealTail(descriptor);
            journal.putBlock(journal.descriptors.get(0), descriptor);
        };
    }

    private static void flip(JournalWriter journal, int block, int at) {
        journal.disk.bytes()[journal.offset(block) + at] ^= 0x10;
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("faults")
    void givesTheOneReason(String reason, int compat, int incompat, Consumer<JournalWriter> change) throws IOException {
        JournalWriter journal = three(compat, incompat);
        change.accept(journal);
        FilesystemState state = ExtReader.replayingJournals().read(journal.disk).state();
        assertTrue(
                state instanceof FilesystemState.Dirty || state instanceof FilesystemState.Corrupt, () -> "" + state);
        assertTrue(state.reasonText().contains(reason), state::reasonText);
    }

    /** Transactions 10, 11 and 12 of two blocks each from position 7 of the log on; a revoke record in each. */
    private static JournalWriter three(int compat, int incompat) throws IOException {
        JournalWriter journal = new JournalWriter(clean.copy(), compat, incompat, 7, 10);
        Random random = new Random(5);
        for (int i = 0; i < 3; i++) {
            journal.transaction(writes(random, 2), List.of(FIRST_FREE + 200L));
        }
        return journal;
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("formats")
    void theUnfaultyJournalOfTheseIsReplayed(String name, int compat, int incompat) throws IOException {
        JournalWriter journal = three(compat, incompat);
        FilesystemState state = ExtReader.replayingJournals().read(journal.disk).state();
        FilesystemState.FreeSpace space = assertInstanceOf(FilesystemState.FreeSpace.class, state, state::reasonText);
        assertTrue(space.replayed().orElse("").contains("3 transactions with "), space.replayed()::toString);
        assertSameAsReplayed(journal.disk, name);
    }

    @Test
    void aTransactionThatCameToTheDiskIncompleteIsTheEndOfAnAsynchronousLog() throws IOException {
        JournalWriter journal = three(1, JournalWriter.ASYNC);
        flip(journal, journal.logged.get(journal.logged.size() - 1), 900);
        assertSameAsReplayed(journal.disk, "async");
        assertEquals("2 transactions", transactions(journal.disk));
    }

    @Test
    void whatATransactionWithoutItsCommitHasLoggedIsNotLookedAt() throws IOException {
        JournalWriter journal = three(0, JournalWriter.CSUM_V3);
        journal.open(writes(new Random(1), 3), List.of());
        flip(journal, journal.logged.get(journal.logged.size() - 1), 900);
        assertSameAsReplayed(journal.disk, "open");
        assertEquals("3 transactions", transactions(journal.disk));
    }

    @Test
    void transactionsAllAroundTheLogAreReplayedOnce() throws IOException {
        JournalWriter journal = new JournalWriter(clean.copy(), 0, JournalWriter.CSUM_V3, 5, 1);
        int transactions = 0;
        while (journal.logged.size() + journal.descriptors.size() + journal.commits.size() + 3 <= 1023) {
            journal.transaction(writes(new Random(transactions), 1), List.of());
            transactions++;
        }
        assertEquals(341, transactions);
        assertEquals(5, journal.next());
        assertSameAsReplayed(journal.disk, "full");
    }

    @Test
    void aLogWithoutAnEndIsRefused() throws IOException {
        JournalWriter journal = new JournalWriter(clean.copy(), 0, JournalWriter.REVOKE, 5, 1);
        for (int i = 0; i < 1023; i++) {
            journal.open(List.of(), List.of(FIRST_FREE + 1L));
        }
        CorruptStructureException endless = assertThrows(CorruptStructureException.class, () -> recover(journal.disk));
        assertTrue(String.valueOf(endless.getMessage()).contains("the log does not end"), endless::getMessage);
    }

    @Test
    void aJournalThatWouldBeWrittenByItsOwnReplayIsRefused() throws IOException {
        JournalWriter journal = new JournalWriter(clean.copy(), 0, JournalWriter.REVOKE, 5, 1);
        long own = journal.map.place(900);
        journal.transaction(List.of(new JournalWriter.Write(own, ByteBuffer.allocate(1024))), List.of());
        CorruptStructureException odd = assertThrows(CorruptStructureException.class, () -> recover(journal.disk));
        assertTrue(String.valueOf(odd.getMessage()).contains("by its own replay"), odd::getMessage);
    }

    /** Whatever the bytes are: an answer, soon, and nothing free that was not. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("formatsToFlip")
    void anyBytesHaveAnAnswer(String name, int compat, int incompat) throws IOException {
        JournalWriter journal = three(compat, incompat);
        MemoryDisk disk = journal.disk;
        FilesystemState before = ExtReader.replayingJournals().read(disk).state();
        RangeSet free =
                assertInstanceOf(FilesystemState.FreeSpace.class, before).free();
        List<Integer> places = new ArrayList<>(List.of(1024, 2048));
        List<Integer> log = new ArrayList<>(List.of(0));
        log.addAll(journal.descriptors);
        log.addAll(journal.revokes);
        log.addAll(journal.commits);
        log.forEach(block -> places.add(journal.offset(block)));
        Random random = new Random(name.hashCode());
        int rounds = Boolean.getBoolean("virtshrink.proofs") ? 200_000 : 1500;
        for (int round = 0; round < rounds; round++) {
            byte[] copy = disk.bytes().clone();
            for (int i = random.nextInt(4); i >= 0; i--) {
                int at = places.get(random.nextInt(places.size())) + random.nextInt(random.nextBoolean() ? 64 : 1024);
                int length = 1 + random.nextInt(4);
                for (int k = 0; k < length && at + k < copy.length; k++) {
                    disk.bytes()[at + k] = (byte) (random.nextBoolean() ? random.nextInt() : random.nextInt(3) - 1);
                }
            }
            if (ExtReader.replayingJournals().read(disk).state() instanceof FilesystemState.FreeSpace space) {
                assertTrue(space.free().subtract(free).isEmpty(), name + " round " + round);
            }
            System.arraycopy(copy, 0, disk.bytes(), 0, copy.length);
        }
    }

    /** Changes of the superblock that come with the journal. */
    static Stream<Arguments> superblocks() {
        return Stream.of(
                Arguments.of("none", change(0xC, 77)),
                Arguments.of("none", change(0xE8, 13)),
                Arguments.of("marked as containing errors", change(0x3A, 3)),
                Arguments.of("state 0x0 is not simply clean", change(0x3A, 0)),
                Arguments.of("it was being resized or converted", change(0x4, BLOCKS - 8)),
                Arguments.of("it was being resized or converted", change(0xCE, 1)),
                Arguments.of("it was being resized or converted", change(0x68, 1)),
                Arguments.of("unknown feature", change(0x63, 0x40)));
    }

    private static UnaryOperator<byte[]> change(int at, int value) {
        return superblock -> {
            ByteBuffer fields = ByteBuffer.wrap(superblock).order(ByteOrder.LITTLE_ENDIAN);
            if (value < 256) {
                fields.put(at, (byte) value);
            } else {
                fields.putInt(at, value);
            }
            fields.putInt(0x3FC, Crc32c.update(-1, superblock, 0, 0x3FC));
            return superblock;
        };
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("superblocks")
    void judgesTheSuperblockThatTheJournalBrings(String reason, UnaryOperator<byte[]> change) throws IOException {
        JournalWriter journal = new JournalWriter(clean.copy(), 0, JournalWriter.CSUM_V3, 5, 1);
        byte[] superblock = change.apply(journal.disk.read(1024, 1024).array());
        journal.transaction(List.of(new JournalWriter.Write(1, ByteBuffer.wrap(superblock))), List.of());
        FilesystemState state = ExtReader.replayingJournals().read(journal.disk).state();
        if (reason.equals("none")) {
            assertInstanceOf(FilesystemState.FreeSpace.class, state, state::reasonText);
        } else {
            assertInstanceOf(FilesystemState.Dirty.class, state);
            assertTrue(state.reasonText().contains(reason), state::reasonText);
        }
    }

    static Stream<Arguments> formatsToFlip() {
        return formats()
                .filter(format -> List.of("64bit", "v1", "v2", "v3 64bit").contains(format.get()[0]));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("formatsToFlip")
    void noFlippedBitFreesMoreThanAReplayDoes(String name, int compat, int incompat) throws IOException {
        JournalWriter journal = three(compat, incompat);
        ByteFlips flips = new ByteFlips(ExtReader.replayingJournals(), journal.disk);
        boolean all = incompat >= JournalWriter.CSUM_V2;
        List<Integer> described = new ArrayList<>(journal.descriptors);
        described.addAll(journal.revokes);
        described.addAll(journal.commits);
        for (int block : described) {
            int at = journal.offset(block);
            // Of the header, a changed magic number or sequence ends the log, as it does for the kernel.
            flips.unnoticedIn(new ByteRange(at, 12));
            ByteRange rest = new ByteRange(at + 12, 80);
            if (all) {
                flips.assertAllNoticedIn(name, rest);
                flips.assertAllNoticedIn(name, new ByteRange(at + 1000, 24));
            } else {
                flips.unnoticedIn(rest);
            }
        }
        for (int block : journal.logged.subList(0, all ? 2 : 0)) {
            flips.assertAllNoticedIn(name, new ByteRange(journal.offset(block), 40));
        }
        flips.unnoticedIn(new ByteRange(journal.offset(0), 0x60));
    }

    private static String transactions(BlockSource disk) throws IOException {
        String summary =
                assertInstanceOf(ExtRecovery.Replayed.class, recover(disk)).summary();
        return summary.replaceAll(".*: (\\d+ transactions) .*", "$1");
    }

    private static ExtRecovery recover(BlockSource disk) throws IOException {
        return ExtRecovery.run(
                disk,
                ExtSuperblock.parse(new StructureBytes(
                        ExtSuperblock.STRUCTURE, 1024, disk.read(1024, ExtSuperblock.LENGTH_BYTES))));
    }

    private static MemoryDisk replayed(MemoryDisk disk) throws IOException {
        Path file = directory.resolve("replayed");
        Files.write(file, disk.bytes());
        E2fsprogs.replay(file);
        return MemoryDisk.load(file);
    }
}
