package virtshrink.filesystem.btrfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ByteRange;
import virtshrink.block.ExternalTool;
import virtshrink.block.MemoryDisk;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemState;

/** What a changed and rightly sealed field of an otherwise clean filesystem leads to. */
class BtrfsStatesTest {
    private static final int COMPAT_RO = 0xB4;
    private static final int INCOMPAT = 0xBC;
    private static final int FLAGS = 0x38;

    @TempDir
    Path directory;

    @BeforeAll
    static void needsTools() {
        BtrfsProgs.assumeInstalled();
    }

    private CapturedBtrfs small() throws IOException {
        return CapturedBtrfs.load(BtrfsProgs.make(directory.resolve("image"), 16 << 20, "--mixed"));
    }

    private static void assertUnsupported(String reason, CapturedBtrfs image) throws IOException {
        assertEquals(new FilesystemState.Unsupported(reason), image.state());
    }

    private static void assertCorrupt(String reason, CapturedBtrfs image) throws IOException {
        FilesystemState state = image.state();
        assertInstanceOf(FilesystemState.Corrupt.class, state, state.toString());
        assertTrue(state.reasonText().contains(reason), state.reasonText());
    }

    @Test
    void isNamedAsBlkidNamesIt() throws IOException {
        String uuid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
        Path image = BtrfsProgs.make(directory.resolve("image"), 128 << 20, "-L some-label -U " + uuid);
        assertEquals(
                new FilesystemIdentity("btrfs", "some-label", uuid, 4096, 128 << 20),
                BtrfsProgs.read(image).identity());
        assertEquals(
                "some-label " + uuid,
                ExternalTool.run("blkid", "-p", "-o", "value", "-s", "LABEL", image.toString())
                                .strip()
                        + " "
                        + ExternalTool.run("blkid", "-p", "-o", "value", "-s", "UUID", image.toString())
                                .strip());
    }

    @Test
    void isRecognisedByItsMagicNumber() throws IOException {
        CapturedBtrfs image = small();
        assertTrue(new BtrfsReader().recognises(image.disk));
        assertFalse(new BtrfsReader().recognises(image.disk.resized((68 << 10) - 1)));
        image.disk.put(CapturedBtrfs.SUPERBLOCK + 0x40, '!');
        assertFalse(new BtrfsReader().recognises(image.disk));
        assertFalse(new BtrfsReader().recognises(new MemoryDisk(0)));
    }

    @Test
    void aLogTreeMeansDirty() throws IOException {
        CapturedBtrfs image = small().superblockU64(0x60, 5 << 20);
        assertEquals(
                new FilesystemState.Dirty(
                        "the log tree is in use: not cleanly unmounted, or still mounted; start the guest and shut it down"),
                image.state());
    }

    @ParameterizedTest
    @CsvSource({
        "2, dirty, marked as containing errors: needs btrfs check",
        "3, unsupported, unknown superblock flags 0x9",
        "32, unsupported, 'seed device, on which other filesystems may stand'",
        "33, unsupported, an image of metadata without data (btrfs-image)",
        "34, unsupported, an image of metadata without data (btrfs-image)",
        "35, dirty, a conversion by btrfstune has not finished (flags 0x800000001)",
        "36, dirty, a conversion by btrfstune has not finished (flags 0x1000000001)",
        "38, dirty, a conversion by btrfstune has not finished (flags 0x4000000001)",
        "40, dirty, a conversion by btrfstune has not finished (flags 0x10000000001)",
        "41, unsupported, unknown superblock flags 0x20000000001"
    })
    void everyFlagButThatOfHavingBeenWrittenIsRefused(int bit, String contractName, String reason) throws IOException {
        FilesystemState state = small().superblockU64(FLAGS, 1 | 1L << bit).state();
        assertEquals(contractName, state.contractName());
        assertEquals(reason, state.reasonText());
    }

    @Test
    void everyUnknownFeatureIsRefusedAndEveryKnownOneIsNot() throws IOException {
        CapturedBtrfs image = small();
        long incompat = image.disk.u64le(CapturedBtrfs.SUPERBLOCK + INCOMPAT);
        for (int bit = 0; bit < 64; bit++) {
            String reason = image.copy()
                    .superblockU64(INCOMPAT, incompat | 1L << bit)
                    .state()
                    .reasonText();
            boolean refused = reason.contains("feature");
            assertEquals(bit >= 12 && bit != 16, refused, "incompat bit " + bit + ": " + reason);
        }
        long compatRo = image.disk.u64le(CapturedBtrfs.SUPERBLOCK + COMPAT_RO);
        for (int bit = 0; bit < 64; bit++) {
            String reason = image.copy()
                    .superblockU64(COMPAT_RO, compatRo | 1L << bit)
                    .state()
                    .reasonText();
            assertEquals(bit >= 4, reason.contains("feature"), "compat_ro bit " + bit + ": " + reason);
        }
        assertUnsupported(
                "feature raid_stripe_tree (incompat bit 0x4000) is not supported",
                image.copy().superblockU64(INCOMPAT, incompat | 0x4000));
        assertUnsupported(
                "unknown feature: compat_ro bit 0x10", image.copy().superblockU64(COMPAT_RO, compatRo | 0x10));
        assertUnsupported(
                "extent references in the form of Linux before 2.6.31 (no mixed_backref) are not supported",
                image.copy().superblockU64(INCOMPAT, incompat & ~1L));
    }

    @Test
    void sumsThatDisagreeAreCorrupt() throws IOException {
        CapturedBtrfs image = small();
        long used = image.disk.u64le(CapturedBtrfs.SUPERBLOCK + 0x78);
        assertCorrupt("more than 7 tree blocks", image.copy().superblockU64(0x78, 7 * 4096));
        assertCorrupt("bytes used, but", image.copy().superblockU64(0x78, used + 4096));
        assertCorrupt("bytes used of", image.copy().superblockU64(0x78, 1 << 30));
        assertCorrupt("generation", image.copy().superblockU64(0x48, 1000));
        assertCorrupt("on a device of", image.copy().superblockU64(0x70, 8 << 20));
        assertCorrupt(
                "in a volume of", image.copy().superblockU64(0x70, 32 << 20).superblockU64(0xC9 + 8, 32 << 20));
    }

    @Test
    void aBlockGroupThatCountsOtherwiseThanItsExtentsIsCorrupt() throws IOException {
        CapturedBtrfs image = small();
        int extents = image.node(BtrfsRootItem.EXTENT_TREE);
        int group = image.item(extents, BtrfsKey.BLOCK_GROUP_ITEM);
        image.disk.u64le(group, image.disk.u64le(group) + 4096);
        assertCorrupt("bytes used, but its extents", image.sealNode(extents));
    }

    @Test
    void aFreeSpaceTreeThatSaysOtherwiseIsCorrupt() throws IOException {
        CapturedBtrfs image = small();
        int tree = image.node(BtrfsRootItem.FREE_SPACE_TREE);
        int info = image.item(tree, BtrfsKey.FREE_SPACE_INFO);
        image.disk.u32le(info, 77);
        assertCorrupt("counts 77 runs", image.copy().sealNode(tree));
        // Cleared by software that does not know the tree: then it is not asked.
        CapturedBtrfs invalid = image.copy().sealNode(tree).superblockU64(COMPAT_RO, 1);
        assertInstanceOf(
                FilesystemState.FreeSpace.class,
                invalid.state(),
                invalid.state().toString());
    }

    @Test
    void aVolumeThatIsTooShortIsCorruptAndTheRestOfALongerOneIsNotFree() throws IOException {
        CapturedBtrfs image = small();
        FilesystemState state =
                new BtrfsReader().read(image.disk.resized((16 << 20) - 4096)).state();
        assertInstanceOf(FilesystemState.Corrupt.class, state);
        FilesystemState.FreeSpace longer = assertInstanceOf(
                FilesystemState.FreeSpace.class,
                new BtrfsReader().read(image.disk.resized(32 << 20)).state());
        assertEquals(image.state(), longer);
        assertFalse(longer.free().overlaps(ByteRange.between(16 << 20, 32 << 20)));
    }

    @Test
    void aSecondSuperblockOfAnotherGenerationIsCorrupt() throws IOException {
        CapturedBtrfs image =
                CapturedBtrfs.load(BtrfsProgs.make(directory.resolve("image"), 66 << 20, "--mixed -m single"));
        image.disk.u64le(CapturedBtrfs.MIRROR + 0x48, 5);
        image.sealSuperblock(CapturedBtrfs.MIRROR);
        assertCorrupt("generation 5, but", image);
    }

    @Test
    void oneOfTwoDevicesIsLeftAlone() throws IOException {
        Path first = ExternalTool.sparse(directory.resolve("first"), 128 << 20);
        Path second = ExternalTool.sparse(directory.resolve("second"), 128 << 20);
        ExternalTool.run("mkfs.btrfs", "-q", "-d", "single", first.toString(), second.toString());
        for (Path device : new Path[] {first, second}) {
            assertEquals(
                    new FilesystemState.Unsupported("one of 2 devices of a btrfs"),
                    BtrfsProgs.read(device).state());
        }
    }

    @Test
    void stripingOnOneDeviceIsLeftAlone() throws IOException {
        Path image = BtrfsProgs.make(directory.resolve("image"), 256 << 20, "-d raid0 -m single");
        FilesystemState state = BtrfsProgs.read(image).state();
        assertInstanceOf(FilesystemState.Unsupported.class, state);
        assertTrue(state.reasonText().startsWith("profile raid0 of the chunk at"), state.reasonText());
    }

    @Test
    void aSeedDeviceIsLeftAlone() throws IOException {
        Path image = BtrfsProgs.make(directory.resolve("image"), 128 << 20, "");
        ExternalTool.run("btrfstune", "-S", "1", image.toString());
        assertEquals("unsupported", BtrfsProgs.read(image).state().contractName());
    }

    @Test
    void anotherUuidWithOrWithoutTouchingTheTreesIsFine() throws IOException {
        Path image = BtrfsProgs.make(directory.resolve("image"), 128 << 20, "--csum blake2");
        ExternalTool.run("btrfstune", "-m", image.toString());
        BtrfsProgs.assertExact(image);
        Path other = BtrfsProgs.make(directory.resolve("other"), 128 << 20, "");
        ExternalTool.run("btrfstune", "-f", "-u", other.toString());
        BtrfsProgs.assertExact(other);
    }

    @Test
    void aRestoredImageOfMetadataIsLeftAlone() throws IOException {
        Path image = BtrfsProgs.make(directory.resolve("image"), 128 << 20, "");
        Path dump = directory.resolve("dump");
        Path restored = directory.resolve("restored");
        ExternalTool.run("btrfs-image", image.toString(), dump.toString());
        ExternalTool.run("btrfs-image", "-r", dump.toString(), restored.toString());
        FilesystemState state = BtrfsProgs.read(restored).state();
        assertFalse(state instanceof FilesystemState.FreeSpace, state.toString());
    }

    /**
     * What only newer tools than the tests can count on make. btrfs-progs 6.19 made each by
     *
     * <pre>
     * truncate -s 24M IMAGE
     * mkfs.btrfs --mixed -n 4096 -O block-group-tree IMAGE        (or -O squota,^block-group-tree)
     * mount -o loop IMAGE MOUNTED                                 (Linux 6.18)
     * btrfs subvolume create MOUNTED/home
     * for i in $(seq 20); do yes "line $i" | head -c $((3000+i*900)) &gt; MOUNTED/home/f$i; done; sync -f MOUNTED
     * btrfs subvolume snapshot -r MOUNTED/home MOUNTED/snap; rm MOUNTED/home/f*[13579]; umount MOUNTED
     * </pre>
     *
     * and its checker found it clean after its free space had been overwritten with zeros.
     */
    @ParameterizedTest
    @ValueSource(strings = {"block_group_tree", "simple_quota"})
    void newerFeaturesAreExact(String name) throws IOException {
        Path image = directory.resolve(name);
        String resource = name + ".img.gz";
        try (InputStream packed = BtrfsStatesTest.class.getResourceAsStream(resource)) {
            Files.copy(new GZIPInputStream(Objects.requireNonNull(packed, resource)), image);
        }
        CapturedBtrfs captured = CapturedBtrfs.load(image);
        FilesystemState state = captured.state();
        FilesystemState.FreeSpace space = assertInstanceOf(FilesystemState.FreeSpace.class, state, state::reasonText);
        // As its dump-super has it: 90 sectors of 4096 bytes used, each once; and the first MiB is nobody's.
        assertEquals((24 << 20) - 90 * 4096, space.freeBytes());
        assertEquals((23 << 20) - 90 * 4096, space.free().totalBytes());
        if (name.equals("block_group_tree")) {
            BtrfsProgs.assertExact(image);
            int tree = captured.node(BtrfsRootItem.BLOCK_GROUP_TREE);
            int group = captured.item(tree, BtrfsKey.BLOCK_GROUP_ITEM);
            captured.disk.u64le(group, captured.disk.u64le(group) + 4096);
            assertCorrupt("bytes used, but its extents", captured.sealNode(tree));
        }
    }

    @Test
    void aFilesystemFilledByItsMakerIsExact() throws IOException {
        Path files = Files.createDirectory(directory.resolve("files"));
        for (int i = 0; i < 200; i++) {
            Files.write(files.resolve("file" + i), new byte[i * 517]);
        }
        for (String options : new String[] {"", " --mixed -n 4096", " -n 65536 --csum sha256", " -s 16384 -n 16384"}) {
            Path image = BtrfsProgs.make(directory.resolve("image"), 256 << 20, "--rootdir " + files + options);
            BtrfsProgs.zero(image, BtrfsProgs.assertExact(image).free());
            BtrfsProgs.assertClean(image);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {4096, 65536})
    void aGuestThatIsHibernatedInASwapFileIsFound(int pageBytes) throws IOException {
        Path files = Files.createDirectory(directory.resolve("files"));
        byte[] swap = new byte[4 << 20];
        byte[] mark = "SWAPSPACE2".getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(mark, 0, swap, pageBytes - mark.length, mark.length);
        Path swapFile = Files.write(files.resolve("swapfile"), swap);
        BtrfsProgs.assertExact(
                BtrfsProgs.make(directory.resolve("awake"), 128 << 20, "--mixed -m single --rootdir " + files));
        byte[] asleep = "S1SUSPEND\0".getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(asleep, 0, swap, pageBytes - mark.length, asleep.length);
        Files.write(swapFile, swap);
        Path image = BtrfsProgs.make(directory.resolve("asleep"), 128 << 20, "--mixed -m single --rootdir " + files);
        FilesystemState state = BtrfsProgs.read(image).state();
        assertInstanceOf(FilesystemState.Hibernated.class, state, state.toString());
        assertTrue(state.reasonText().endsWith("(S1SUSPEND)"), state.reasonText());
    }

    @Test
    void aConvertedExt4IsExactAndCanStillBeConvertedBack() throws IOException {
        ExternalTool.assume("mkfs.ext4", "e2fsprogs");
        ExternalTool.assume("btrfs-convert", "btrfs-progs");
        Path files = Files.createDirectory(directory.resolve("files"));
        for (int i = 0; i < 50; i++) {
            Files.write(files.resolve("file" + i), new byte[i * 5170 + 1]);
        }
        Path image = ExternalTool.sparse(directory.resolve("image"), 300 << 20);
        ExternalTool.run("mkfs.ext4", "-q", "-b", "4096", "-d", files.toString(), image.toString());
        ExternalTool.run("btrfs-convert", "--no-progress", image.toString());
        BtrfsProgs.zero(image, BtrfsProgs.assertExact(image).free());
        BtrfsProgs.assertClean(image);
        ExternalTool.run("btrfs-convert", "-r", image.toString());
        ExternalTool.run("e2fsck", "-f", "-n", image.toString());
    }
}
