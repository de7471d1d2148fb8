package virtshrink.filesystem.ext;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Arrays;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FilesystemState.Corrupt;
import virtshrink.filesystem.FilesystemState.Dirty;
import virtshrink.filesystem.FilesystemState.Unsupported;

/** One field of a real filesystem is changed, all checksums made right again: exactly one reason is given. */
class ExtStatesTest {
    private static final String UUID = "01234567-89ab-cdef-0123-456789abcdef";
    private static final int INODE_8 = 7 * 1024 + 7 * 256;
    private static final int JOURNAL_AT = journalAt();

    private static final String SHUT_DOWN = "start the guest and shut it down";

    private static Arguments dirty(String reason, UnaryOperator<CapturedImage> change) {
        return Arguments.of(new Dirty(reason), change);
    }

    private static Arguments unsupported(String reason, UnaryOperator<CapturedImage> change) {
        return Arguments.of(new Unsupported(reason), change);
    }

    private static Arguments corrupt(String reason, UnaryOperator<CapturedImage> change) {
        return Arguments.of(new Corrupt(reason), change);
    }

    private static UnaryOperator<CapturedImage> incompat(int bit) {
        return image -> image.superblock32(0x60, image.u32(1024 + 0x60) | bit);
    }

    private static UnaryOperator<CapturedImage> roCompat(int bit) {
        return image -> image.superblock32(0x64, image.u32(1024 + 0x64) | bit);
    }

    private static UnaryOperator<CapturedImage> compat(int bit) {
        return image -> image.superblock32(0x5C, image.u32(1024 + 0x5C) | bit);
    }

    static Stream<Arguments> changes() {
        return Stream.of(
                dirty(
                        "the journal needs recovery: not cleanly unmounted; start the guest and shut it down"
                                + " (or replay-journals would read it as it will be after that)",
                        incompat(0x4)),
                dirty(
                        "the journal needs recovery: not cleanly unmounted; start the guest and shut it down",
                        image -> incompat(0x40000004).apply(image)),
                dirty("not cleanly unmounted: start the guest and shut it down", image -> image.superblock16(0x3A, 0)),
                dirty("marked as containing errors: needs e2fsck", image -> image.superblock16(0x3A, 3)),
                dirty(
                        "the list of orphan inodes is in use: deleted files wait for their clean-up at the next mount; "
                                + SHUT_DOWN,
                        image -> image.superblock16(0x3A, 5)),
                dirty(
                        "the list of orphan inodes is in use: deleted files wait for their clean-up at the next mount; "
                                + SHUT_DOWN,
                        image -> image.superblock32(0xE8, 14)),
                dirty(
                        "the orphan file is in use: deleted files wait for their clean-up at the next mount; "
                                + SHUT_DOWN,
                        roCompat(0x10000)),
                dirty("state 0x21 is not simply clean", image -> image.superblock16(0x3A, 0x21)),
                dirty(
                        "multiple-mount protection says that it is mounted (sequence 0x1234); if it is not, e2fsck clears that",
                        image -> image.u32(28 * 1024 + 4, 0x1234).sealAt(28 * 1024, 0x3FC)),
                dirty(
                        "multiple-mount protection says that e2fsck is running; if it is not, e2fsck -f clears that",
                        image -> image.u32(28 * 1024 + 4, 0xE24D4D50L).sealAt(28 * 1024, 0x3FC)),
                dirty(
                        "the journal holds transactions although no recovery is announced: needs e2fsck",
                        image -> image.u8(JOURNAL_AT + 0x1F, 1)),
                dirty(
                        "the journal was aborted with error -5: needs e2fsck",
                        image -> image.u32(JOURNAL_AT + 0x20, 0xFBFFFFFFL)),
                unsupported("feature compression (incompat bit 0x1) is not supported", incompat(0x1)),
                unsupported("feature dirdata (incompat bit 0x1000) is not supported", incompat(0x1000)),
                unsupported("unknown feature: incompat bit 0x20", incompat(0x20)),
                unsupported("unknown feature: incompat bit 0x800", incompat(0x800)),
                unsupported("unknown feature: incompat bit 0x80000000", incompat(0x80000000)),
                unsupported("feature has_snapshot (ro_compat bit 0x80) is not supported", roCompat(0x80)),
                unsupported("feature replica (ro_compat bit 0x800) is not supported", roCompat(0x800)),
                unsupported("feature read-only (ro_compat bit 0x1000) is not supported", roCompat(0x1000)),
                unsupported("feature shared_blocks (ro_compat bit 0x4000) is not supported", roCompat(0x4000)),
                unsupported("unknown feature: ro_compat bit 0x20000", roCompat(0x20000)),
                unsupported("feature lazy_bg (compat bit 0x40) is not supported", compat(0x40)),
                unsupported("unknown feature: compat bit 0x2000", compat(0x2000)),
                unsupported("snapshot image (s_flags 0x12)", image -> image.superblock32(0x160, 0x12)),
                unsupported("external journal of another filesystem", incompat(0x8)),
                unsupported(
                        "its journal lies on another device",
                        image -> image.u32(1024 + 0xE0, 0).superblock32(0xE4, 0x801)),
                corrupt(
                        "ext4_super_block at offset 1080: magic number 0xef52, expected 0xef53",
                        image -> image.superblock16(0x38, 0xEF52)),
                corrupt(
                        "ext4_super_block at offset 1397: unknown checksum algorithm 2, expected 1 (crc32c)",
                        image -> image.u8(1024 + 0x175, 2).sealSuperblock()),
                corrupt(
                        "ext4_super_block at offset 2044: checksum 0x00000000 does not match the content's 0x6d2b4548",
                        image -> image.u32(1024 + 0x3FC, 0)),
                corrupt("ext4_super_block at offset 1100: unknown revision 2", image -> image.superblock32(0x4C, 2)),
                corrupt(
                        "ext4_super_block at offset 1116: revision 0 has no feature words, but they are set",
                        image -> image.superblock32(0x4C, 0)),
                corrupt("ext4_super_block at offset 1048: log block size 7", image -> image.superblock32(0x18, 7)),
                corrupt(
                        "ext4_super_block at offset 1048: log block size 4294967295",
                        image -> image.superblock32(0x18, -1)),
                corrupt(
                        "ext4_super_block at offset 1052: log cluster size 20 with log block size 0",
                        image -> image.superblock32(0x1C, 20)),
                corrupt(
                        "ext4_super_block at offset 1052: clusters of 2 blocks without the feature bigalloc",
                        image -> image.superblock32(0x1C, 1)),
                corrupt(
                        "ext4_super_block at offset 1044: first data block 0, expected 1",
                        image -> image.superblock32(0x14, 0)),
                corrupt("ext4_super_block at offset 1028: no blocks", image -> image.superblock32(0x4, 1)),
                corrupt(
                        "ext4_super_block at offset 1028: the filesystem's 2561 blocks of 1024 bytes do not fit into its"
                                + " volume of 2621440 bytes",
                        image -> image.superblock32(0x4, 2561)),
                corrupt(
                        "ext4_super_block at offset 1028: the filesystem's 4294969856 blocks of 1024 bytes do not fit into"
                                + " its volume of 2621440 bytes",
                        image -> image.superblock32(0x150, 1)),
                corrupt(
                        "ext4_super_block at offset 1360: count out of range",
                        image -> image.superblock32(0x150, 0x80000000L)),
                corrupt(
                        "ext4_super_block at offset 1036: 2562 free blocks of 2560",
                        image -> image.superblock32(0xC, 2562)),
                corrupt(
                        "ext4_super_block at offset 1036: 1425 free blocks, but the groups together have 1424",
                        image -> image.superblock32(0xC, 1425)),
                corrupt(
                        "ext4_super_block at offset 1040: 67 free inodes, but the groups together have 66",
                        image -> image.superblock32(0x10, 67)),
                corrupt(
                        "ext4_super_block at offset 1060: 0 clusters in a group, blocks of 1024 bytes",
                        image -> image.superblock32(0x24, 0)),
                corrupt(
                        "ext4_super_block at offset 1060: 8200 clusters in a group, blocks of 1024 bytes",
                        image -> image.superblock32(0x24, 8200)),
                corrupt(
                        "ext4_super_block at offset 1056: 1024 blocks in a group of 512 clusters of 1 blocks",
                        image -> image.superblock32(0x20, 1024)),
                corrupt("ext4_super_block at offset 1112: inodes of 100 bytes", image -> image.superblock16(0x58, 100)),
                corrupt(
                        "ext4_super_block at offset 1112: inodes of 2048 bytes",
                        image -> image.superblock16(0x58, 2048)),
                corrupt("ext4_super_block at offset 1064: 3 inodes in a group", image -> image.superblock32(0x28, 3)),
                corrupt(
                        "ext4_super_block at offset 1024: 80 inodes in 5 groups of 32",
                        image -> image.superblock32(0x28, 32)),
                corrupt(
                        "ext4_super_block at offset 1278: group descriptors of 48 bytes",
                        image -> image.superblock16(0xFE, 48)),
                corrupt(
                        "ext4_super_block at offset 1284: first meta block group 2 of 1",
                        image -> incompat(0x10).apply(image).superblock32(0x104, 2)),
                corrupt(
                        "ext4_super_block at offset 1230: 257 reserved group descriptor blocks",
                        image -> image.superblock16(0xCE, 257)),
                corrupt(
                        "ext4_super_block at offset 1384: block 2560 for multiple-mount protection is not within the"
                                + " filesystem",
                        image -> image.superblock32(0x168, 2560)),
                corrupt(
                        "mmp_struct at offset 28672: magic number 0x0, expected 0x4d4d50",
                        image -> image.u32(28 * 1024, 0).sealAt(28 * 1024, 0x3FC)),
                corrupt("mmp_struct at offset 29692: checksum does not match", image -> image.u8(28 * 1024 + 100, 9)),
                corrupt(
                        "ext4_super_block at offset 1248: a journal is named, but the feature has_journal is not set",
                        image -> image.superblock32(0x5C, image.u32(1024 + 0x5C) & ~0x4)),
                corrupt(
                        "ext4_super_block at offset 1248: journal in inode 81 of 80",
                        image -> image.superblock32(0xE0, 81)),
                corrupt(
                        "ext4_super_block at offset 1248: journal in inode 0 of 80",
                        image -> image.superblock32(0xE0, 0)),
                corrupt(
                        "ext4_inode at offset 8744: this inode is not a journal",
                        image -> image.superblock32(0xE0, 8 - 1)),
                corrupt("ext4_inode at offset 9084: checksum of inode 8 does not match", image -> image.u8(INODE_8, 0)),
                corrupt(
                        "journal_superblock_s at offset %d: magic number 0x3b3998, expected 0xc03b3998"
                                .formatted(JOURNAL_AT),
                        image -> image.u8(JOURNAL_AT, 0)),
                corrupt(
                        "journal_superblock_s at offset %d: block type 1 is not a superblock".formatted(JOURNAL_AT + 4),
                        image -> image.u8(JOURNAL_AT + 7, 1)),
                corrupt(
                        "journal_superblock_s at offset %d: checksum does not match".formatted(JOURNAL_AT + 0xFC),
                        image -> image.u8(JOURNAL_AT + 0x2B, 0x10)),
                corrupt(
                        "journal_superblock_s at offset %d: journal in blocks of 2048 bytes, the filesystem's have 1024"
                                .formatted(JOURNAL_AT + 0xC),
                        image -> image.u8(JOURNAL_AT + 0xE, 8)),
                corrupt(
                        "ext4_group_desc at offset 2142: checksum of group 1 does not match",
                        image -> image.u16(2048 + 64 + 0xE, 15)),
                corrupt(
                        "ext4_group_desc at offset 2322: the bitmap of the last group, 4, is uninitialised",
                        image -> image.descriptor16(4, 0x12, 3)),
                corrupt(
                        "ext4_group_desc at offset 2048: block bitmap of group 0 at block 0, length 1, is not within blocks"
                                + " 1 to 2560",
                        image -> image.descriptor32(0, 0x0, 0)),
                corrupt(
                        "ext4_group_desc at offset 2052: inode bitmap of group 0 at block 2560, length 1, is not within"
                                + " blocks 1 to 2560",
                        image -> image.descriptor32(0, 0x4, 2560)),
                corrupt(
                        "ext4_group_desc at offset 2056: inode table of group 0 at block 2557, length 4, is not within"
                                + " blocks 1 to 2560",
                        image -> image.descriptor32(0, 0x8, 2557)),
                corrupt(
                        "ext4_group_desc at offset 2048: block bitmap of group 0 at block 4294967299, length 1, is not"
                                + " within blocks 1 to 2560",
                        image -> image.descriptor32(0, 0x20, 1)),
                corrupt(
                        "ext4_group_desc at offset 2188: 513 free clusters in group 2 of 512",
                        image -> image.descriptor16(2, 0xC, 513)),
                corrupt(
                        "ext4_group_desc at offset 2190: 17 free inodes in group 2",
                        image -> image.descriptor16(2, 0xE, 17)),
                corrupt(
                        "ext4_group_desc at offset 7168: two bitmaps or inode tables share block 7",
                        image -> image.descriptor32(3, 0x0, 7)),
                corrupt(
                        "block bitmap at offset 3072: block 2 holds a superblock or group descriptors and other metadata",
                        image -> image.descriptor32(4, 0x4, 2)),
                corrupt(
                        "block bitmap at offset 4096: checksum of group 1 does not match",
                        image -> image.u8(4 * 1024 + 20, 0xFE)),
                corrupt(
                        "block bitmap at offset 3072: cluster 28 of group 0 is called free and holds metadata",
                        image -> image.descriptor32(4, 0x8, 26)),
                corrupt(
                        "block bitmap at offset 3072: cluster 0 of group 0 is called free and holds metadata",
                        image -> image.u8(3 * 1024, 0xFE).sealBitmap(0)),
                corrupt(
                        "block bitmap at offset 2098176: group 4 calls clusters behind its end free",
                        image -> image.u8(2049 * 1024 + 63, 0).sealBitmap(4)),
                corrupt(
                        "block bitmap at offset 3072: 424 free clusters in group 0, its descriptor says 423",
                        image -> image.u8(3 * 1024 + 10, image.bytes[3 * 1024 + 10] & 0xFE)
                                .sealBitmap(0)),
                corrupt(
                        "block bitmap at offset 28672: calls blocks free that journal or directories use",
                        image -> exchangeBits(image, 27, 40)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("changes")
    void givesTheOneReason(FilesystemState expected, UnaryOperator<CapturedImage> change) {
        CapturedImage image = change.apply(CapturedImage.metadataCsum());
        assertEquals(expected, image.read().state());
    }

    @Test
    void provesTheFreeSpaceOfTheUnchangedFilesystems() {
        FilesystemReport report = CapturedImage.metadataCsum().read();
        assertEquals(new FilesystemIdentity("ext4", "captured", UUID, 1024, 2560 * 1024), report.identity());
        assertEquals(
                new FilesystemState.FreeSpace(
                        1424 * 1024, blocks(29, 59, 120, 513, 1553, 2049, 2050, 2051, 2052, 2053, 2057, 2560)),
                report.state());
        assertEquals(
                new FilesystemState.FreeSpace(946 * 1024, blocks(188, 218, 279, 513, 674, 1025, 2229, 2560)),
                CapturedImage.gdtCsum().read().state());
    }

    @Test
    void recognisesTheMagicNumberWithAPossibleBlockSize() throws IOException {
        ExtReader reader = new ExtReader();
        assertTrue(reader.recognises(CapturedImage.gdtCsum()));
        assertFalse(reader.recognises(CapturedImage.gdtCsum().superblock16(0x38, 0x53EF)));
        assertFalse(reader.recognises(CapturedImage.gdtCsum().superblock32(0x18, 7)));
        assertFalse(reader.recognises(CapturedImage.gdtCsum().slice(new ByteRange(0, 2047))));
    }

    @Test
    void refusesVolumesThatEndInTheSuperblock() throws IOException {
        FilesystemReport report = new ExtReader().read(CapturedImage.gdtCsum().slice(new ByteRange(0, 2047)));
        assertEquals(
                new Corrupt("ext4_super_block at offset 1024: does not fit into a volume of 2047 bytes"),
                report.state());
    }

    @Test
    void refusesVolumesOneByteTooSmall() throws IOException {
        CapturedImage image = CapturedImage.gdtCsum();
        FilesystemReport report = new ExtReader().read(image.slice(new ByteRange(0, image.sizeBytes() - 1)));
        assertInstanceOf(Corrupt.class, report.state());
        assertTrue(report.state().reasonText().contains("do not fit into its volume of 2621439 bytes"));
    }

    @Test
    void takesTheWordUninitialisedOnlyFromDescriptorsWithChecksums() {
        CapturedImage image = CapturedImage.gdtCsum();
        image.superblock32(0x64, image.u32(1024 + 0x64) & ~0x10);
        assertEquals(
                new Corrupt("ext4_group_desc at offset 2098: group 1 is flagged uninitialised without checksums"),
                image.read().state());
    }

    @Test
    void holdsUninitialisedGroupsAgainstTheirCount() {
        CapturedImage image = CapturedImage.gdtCsum().descriptor16(1, 0xC, 352).superblock32(0xC, 947);
        assertEquals(
                new Corrupt("block bitmap at offset 166912: 351 free clusters in group 1, its descriptor says 352"),
                image.read().state());
    }

    @Test
    void namesAnExternalJournalAsBlkidDoes() {
        assertEquals(
                "jbd",
                incompat(0x8).apply(CapturedImage.gdtCsum()).read().identity().type());
    }

    @Test
    void namesADirtyFilesystemWithItsMeasures() {
        assertEquals(
                new FilesystemIdentity("ext4", "captured", UUID, 1024, 2560 * 1024),
                incompat(0x4).apply(CapturedImage.gdtCsum()).read().identity());
    }

    @Test
    void readsLabelsUpToTheFirstZeroAndLeavesAZeroUuidOut() {
        CapturedImage image = CapturedImage.gdtCsum().superblock32(0x78, 0x00C3A4C3L);
        Arrays.fill(image.bytes, 1024 + 0x68, 1024 + 0x78, (byte) 0);
        FilesystemIdentity identity = image.read().identity();
        assertEquals("ä\uFFFD", identity.label());
        assertEquals("", identity.uuid());
    }

    private static RangeSet blocks(long... startsAndEnds) {
        RangeSet.Builder set = RangeSet.builder();
        for (int i = 0; i < startsAndEnds.length; i += 2) {
            set.add(startsAndEnds[i] * 1024, (startsAndEnds[i + 1] - startsAndEnds[i]) * 1024);
        }
        return set.build();
    }

    /** Marks one cluster of group 0 free and another used: no count notices. */
    private static CapturedImage exchangeBits(CapturedImage image, int toFree, int toUse) {
        int at = image.bitmapAt(0);
        image.u8(at + toFree / 8, image.bytes[at + toFree / 8] & ~(1 << toFree % 8));
        image.u8(at + toUse / 8, image.bytes[at + toUse / 8] | 1 << toUse % 8);
        return image.sealBitmap(0);
    }

    private static int journalAt() {
        CapturedImage image = CapturedImage.metadataCsum();
        return image.u32(INODE_8 + 0x28 + 12 + 8) * 1024;
    }
}
