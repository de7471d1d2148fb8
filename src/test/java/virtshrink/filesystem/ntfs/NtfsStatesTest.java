package virtshrink.filesystem.ntfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.BlockSource;
import virtshrink.block.ExternalTool;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.MountedImage;

/** What a Windows that has not finished leaves behind, and what contradicts the format. */
class NtfsStatesTest {
    private static final int PAGE = 4096;

    @TempDir
    static Path made;

    private static NtfsImage original;

    @TempDir
    Path directory;

    private NtfsImage image;

    @BeforeAll
    static void makeVolume() throws IOException {
        Ntfs3g.assumeInstalled();
        original = NtfsImage.load(Ntfs3g.make(made.resolve("image"), 4 << 20, "-f -c 1024 -L Süd"));
    }

    @BeforeEach
    void copy() {
        image = original.copy();
    }

    @Test
    void namesTheVolumeAsBlkidDoes() throws IOException {
        ExternalTool.assume("blkid", "util-linux");
        Path stored = image.store(directory.resolve("image"));
        FilesystemReport report = new NtfsReader().read(image.disk());
        assertEquals("ntfs", report.identity().type());
        assertEquals("Süd", report.identity().label());
        assertEquals(1024, report.identity().blockBytes());
        assertEquals((4 << 20) - 512, report.identity().totalBytes());
        assertEquals(
                ExternalTool.run("blkid", "-o", "value", "-s", "UUID", stored.toString())
                        .strip(),
                report.identity().uuid());
    }

    @ParameterizedTest
    @ValueSource(ints = {0x0001, 0x0010, 0x4000, 0x8001, 0x0081})
    void marksOfUnfinishedWorkAreDirty(int flags) throws IOException {
        volumeFlags(flags);
        assertInstanceOf(FilesystemState.Dirty.class, image.state());
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 0x0002, 0x0008, 0x0020, 0x0080, 0x8000})
    void otherFlagsOfTheVolumeAreHarmless(int flags) throws IOException {
        volumeFlags(flags);
        assertEquals(original.free(), image.free());
    }

    @ParameterizedTest
    @ValueSource(ints = {0x0004, 0x0040, 0x0100, 0x2000})
    void unknownFlagsAreLeftAlone(int flags) throws IOException {
        volumeFlags(flags);
        assertInstanceOf(FilesystemState.Unsupported.class, image.state());
    }

    @ParameterizedTest
    @CsvSource({"1, 2, true", "3, 0, true", "3, 1, true", "1, 1, false", "2, 0, false", "3, 2, false", "4, 0, false"})
    void knowsThreeVersions(int major, int minor, boolean supported) throws IOException {
        image.attribute(MasterFileTable.VOLUME, AttributeRecord.VOLUME_INFORMATION, attribute -> {
            attribute.put(attribute.getChar(0x14) + 8, (byte) major);
            attribute.put(attribute.getChar(0x14) + 9, (byte) minor);
        });
        assertEquals(supported, image.state() instanceof FilesystemState.FreeSpace);
    }

    @ParameterizedTest
    @CsvSource({
        // Windows XP and later leave the log open and mark it, Windows 2000 closes it.
        "1, 1, 0, 2, FreeSpace",
        "1, 1, 65535, 0, FreeSpace",
        "1, 1, 65535, 2, FreeSpace",
        "1, 1, 0, 0, Dirty",
        "1, 1, 0, 1, Dirty",
        "2, 0, 0, 2, Dirty",
        "2, 0, 65535, 2, Dirty",
        "1, 0, 0, 2, Dirty",
        "0, -1, 0, 2, Dirty",
        "3, 0, 0, 2, Dirty",
        "1, 1, 7, 2, Corrupt"
    })
    void believesTheLogOnlyWhereWindowsHasClosedIt(int major, int minor, int client, int flags, String expected)
            throws IOException {
        log(restartPage("RSTR", 77, major, minor, client, flags), restartPage("RSTR", 77, major, minor, client, flags));
        assertState(expected);
    }

    @Test
    void bothRestartPagesMustSayTheSame() throws IOException {
        byte[] clean = restartPage("RSTR", 77, 1, 1, 0, 2);
        log(clean, restartPage("RSTR", 78, 1, 1, 0, 2));
        assertState("Dirty");
        log(clean, restartPage("RSTR", 78, 1, 1, 0, 0));
        assertState("Dirty");
        log(restartPage("RSTR", 78, 1, 1, 0, 0), clean);
        assertState("Dirty");
        log(clean, restartPage("CHKD", 77, 1, 1, 0, 2));
        assertState("Dirty");
        log(clean, new byte[PAGE]);
        assertState("Corrupt");
        byte[] torn = clean.clone();
        torn[1022] ^= 1;
        log(clean, torn);
        assertState("Corrupt");
        log(torn, clean);
        assertState("Corrupt");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 0x7F, 0xFE})
    void aLogThatIsNeitherEmptyNorBegunIsCorrupt(int value) throws IOException {
        int at = image.dataAt(MasterFileTable.LOG_FILE);
        image.disk().put(at, value, value, value, value);
        assertState("Corrupt");
        image.disk().put(at, 0xFF, 0xFF, 0xFF, 0xFF);
        assertState("FreeSpace");
        image.disk().put(at + 9000, value);
        assertState("Corrupt");
    }

    @ParameterizedTest
    @CsvSource({
        "hibr, Hibernated",
        "HIBR, Hibernated",
        "RSTR, Hibernated",
        "link, Hibernated",
        "wake, FreeSpace",
        "WAKE, FreeSpace",
        "'', FreeSpace"
    })
    void readsTheHeaderOfHiberfilSys(String mark, String expected) throws IOException {
        copyIn("hiberfil.sys", mark, 20_000);
        assertState(expected);
        volumeFlags(1);
        assertState(expected.equals("FreeSpace") ? "Dirty" : expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {"HIBERFIL.SYS", "Hiberfil.Sys", "hiberFIL.sys"})
    void findsHiberfilSysWhateverItsCase(String name) throws IOException {
        copyIn(name, "hibr", 20_000);
        assertState("Hibernated");
    }

    @ParameterizedTest
    @ValueSource(strings = {"hiberfil.sy", "hiberfil.sys2", "pagefile.sys", "swapfile.sys", "hiberfil-sys"})
    void otherFilesAreNotTheHibernation(String name) throws IOException {
        copyIn(name, "hibr", 20_000);
        assertState("FreeSpace");
    }

    @Test
    void hiberfilSysWithoutAHeaderIsHibernation() throws IOException {
        copyIn("hiberfil.sys", "", 300);
        assertState("Hibernated");
    }

    @Test
    void hiberfilSysThatCannotBeReadIsHibernation() throws IOException {
        copyIn("hiberfil.sys", "", 20_000);
        int number = recordOf("hiberfil.sys");
        for (int flag : new int[] {0x0001, 0x4000}) {
            NtfsImage changed = image.copy();
            changed.attribute(number, NtfsImage.DATA, data -> data.putChar(0x0C, (char) flag));
            assertInstanceOf(FilesystemState.Hibernated.class, changed.state());
        }
        image.edit(number, record -> record.putChar(0x10, (char) 0x4444));
        assertState("Corrupt");
    }

    @Test
    void whatHiberfilSysNeverWroteReadsAsZeros() throws IOException {
        copyIn("hiberfil.sys", "hibr", 20_000);
        image.attribute(recordOf("hiberfil.sys"), NtfsImage.DATA, data -> data.putLong(0x38, 0));
        assertState("FreeSpace");
    }

    @Test
    void findsHiberfilSysAmongThousands() throws IOException {
        Path stored = Ntfs3g.make(directory.resolve("large"), 32 << 20, "-f");
        try (MountedImage mount = MountedImage.ntfs(stored, directory.resolve("mount"), "rw")) {
            for (int i = 0; i < 1500; i++) {
                Files.createFile(mount.path().resolve("%s in the root directory".formatted(i * 7919 % 1500)));
            }
            byte[] content = new byte[8192];
            System.arraycopy("hibr".getBytes(StandardCharsets.US_ASCII), 0, content, 0, 4);
            Files.write(mount.path().resolve("hiberfil.sys"), content);
        }
        image = NtfsImage.load(stored);
        assertState("Hibernated");
        image.attribute(MasterFileTable.ROOT, AttributeRecord.INDEX_ALLOCATION, index -> index.putChar(0x0C, (char) 1));
        assertState("Corrupt");
    }

    @Test
    void shadowCopiesAreLeftAlone() throws IOException {
        shadowHeader(1, 0);
        assertState("FreeSpace");
        int catalog = image.freeCluster(3000) * image.clusterBytes();
        shadowHeader(1, catalog);
        assertState("Unsupported");
        shadowCatalog(catalog);
        assertState("FreeSpace");
        image.disk().u64le(catalog + 128 * 5, 1);
        assertState("FreeSpace");
        image.disk().u64le(catalog + 128 * 127, 2);
        assertState("Unsupported");
        image.disk().u64le(catalog + 128 * 127, 0).u64le(catalog + 0x28, catalog);
        assertState("Unsupported");
        image.disk().u64le(catalog + 0x28, Long.MAX_VALUE);
        assertState("Unsupported");
    }

    @Test
    void shadowCopiesThatCannotBeUnderstoodAreLeftAlone() throws IOException {
        shadowHeader(3, 0);
        assertState("Unsupported");
        shadowHeader(2, 0);
        assertState("FreeSpace");
        image.disk().put(0x1E00 + 0x50, 1);
        assertState("Unsupported");
        image.disk().put(0x1E00 + 0x40, 1);
        assertState("FreeSpace");
        shadowHeader(1, -1);
        assertState("Unsupported");
    }

    @ParameterizedTest
    @CsvSource({"0x0001, Unsupported", "0x4000, Unsupported", "0x8000, Unsupported"})
    void aBitmapThatIsNoPlainFileIsLeftAlone(String flag, String expected) throws IOException {
        image.attribute(
                MasterFileTable.BITMAP, NtfsImage.DATA, data -> data.putChar(0x0C, (char) (int) Integer.decode(flag)));
        assertState(expected);
    }

    @Test
    void aBitmapThatWasNotWrittenToItsEndIsLeftAlone() throws IOException {
        image.attribute(MasterFileTable.BITMAP, NtfsImage.DATA, data -> data.putLong(0x38, data.getLong(0x30) - 1));
        assertState("Unsupported");
    }

    @Test
    void aBitmapThatIsTooShortOrTooLongIsCorrupt() throws IOException {
        image.attribute(
                MasterFileTable.BITMAP,
                NtfsImage.DATA,
                data -> data.putLong(0x30, 511).putLong(0x38, 511));
        assertState("Corrupt");
    }

    @Test
    void clustersBehindTheEndMustBeMarked() throws IOException {
        int clusters = (4 << 20) / 1024 - 1;
        assertTrue(image.isMarked(clusters));
        image.mark(clusters, false);
        assertState("Corrupt");
    }

    @Test
    void aCopyOfTheBootSectorIsNeededAndMustAgree() throws IOException {
        int copy = (4 << 20) - 512;
        image.disk().put(copy + 0x30, image.disk().bytes()[copy + 0x30] + 1);
        assertState("Corrupt");
        image = original.copy();
        image.disk().putBytes(copy, new byte[512]);
        assertState("Corrupt");
        image = original.copy();
        // What tools change in the first sector alone.
        image.disk().put(0x18, 63, 0, 255, 0, 0, 8, 0, 0).put(0x48, 1, 2, 3).put(0x60, 9);
        assertState("FreeSpace");
        assertInstanceOf(
                FilesystemState.Corrupt.class,
                new NtfsReader().read(image.disk().resized(copy)).state());
    }

    @Test
    void aMirroredRecordThatDiffersIsCorrupt() throws IOException {
        for (int number = 0; number < 4; number++) {
            image = original.copy();
            image.editAt(image.mirrorAt(number), image.recordBytes(), record -> record.putChar(0x16, (char) 3));
            assertState("Corrupt");
        }
    }

    @Test
    void aTableThatBeginsWhereNoRecordFitsIsCorrupt() throws IOException {
        // Records of 64 KiB, the first of them in the last cluster.
        image.disk().put(0x40, 0xF0).u64le(0x30, ((4 << 20) - 512) / image.clusterBytes() - 1);
        assertState("Corrupt");
    }

    @Test
    void moreClustersThanTheirBitmapCouldBeReadForAreLeftAlone() throws IOException {
        // On a sparse image the bitmap of an exbibyte costs nothing but the time to read it.
        long sectors = 1L << 51;
        image.disk().u64le(0x28, sectors);
        BlockSource large = new BlockSource() {
            @Override
            public long sizeBytes() {
                return (sectors + 1) * 512;
            }

            @Override
            public void read(long offsetBytes, ByteBuffer destination) throws IOException {
                image.disk().read(offsetBytes, destination);
            }
        };
        FilesystemState state = new NtfsReader().read(large).state();
        assertInstanceOf(FilesystemState.Unsupported.class, state, state::reasonText);
        assertTrue(state.reasonText().contains("clusters, more than"), state::reasonText);
    }

    @Test
    void refsIsNotRecognised() throws IOException {
        image.disk().put(3, "ReFS\0\0\0\0");
        assertEquals(false, new NtfsReader().recognises(image.disk()));
    }

    private void volumeFlags(int flags) {
        image.attribute(
                MasterFileTable.VOLUME,
                AttributeRecord.VOLUME_INFORMATION,
                attribute -> attribute.putChar(attribute.getChar(0x14) + 0x0A, (char) flags));
    }

    private void log(byte[] first, byte[] second) {
        int at = image.dataAt(MasterFileTable.LOG_FILE);
        image.disk().putBytes(at, first).putBytes(at + PAGE, second);
    }

    private static byte[] restartPage(String magic, long lsn, int major, int minor, int client, int flags) {
        ByteBuffer page = NtfsImage.little(new byte[PAGE]);
        page.put(0, magic.getBytes(StandardCharsets.US_ASCII))
                .putChar(4, (char) 0x1E)
                .putChar(6, (char) 9);
        page.putInt(0x10, PAGE).putInt(0x14, PAGE).putChar(0x18, (char) 0x30);
        page.putChar(0x1A, (char) minor).putChar(0x1C, (char) major);
        page.putLong(0x30, lsn).putChar(0x38, (char) 1).putChar(0x3A, (char) 0xFFFF);
        page.putChar(0x3C, (char) client).putChar(0x3E, (char) flags);
        NtfsImage.protect(page);
        return NtfsImage.bytesOf(page);
    }

    private void shadowHeader(int version, long catalogAt) {
        image.disk().putBytes(0x1E00, new byte[512]);
        identify(0x1E00);
        image.disk()
                .u32le(0x1E10, version)
                .u32le(0x1E14, 1)
                .u64le(0x1E18, 0x1E00)
                .u64le(0x1E30, catalogAt);
    }

    private void shadowCatalog(int at) {
        identify(at);
        image.disk().u32le(at + 0x10, 1).u32le(at + 0x14, 2).u64le(at + 0x20, at);
    }

    private void identify(int at) {
        image.disk()
                .put(
                        at, 0x6B, 0x87, 0x08, 0x38, 0x76, 0xC1, 0x48, 0x4E, 0xB7, 0xAE, 0x04, 0x04, 0x6E, 0x6C, 0xC7,
                        0x52);
    }

    /** A file in the root directory, its content a mark and zeros. */
    private void copyIn(String name, String mark, int lengthBytes) throws IOException {
        Path stored = image.store(directory.resolve("image"));
        byte[] content = Arrays.copyOf(mark.getBytes(StandardCharsets.US_ASCII), lengthBytes);
        Path source = Files.write(directory.resolve("content"), content);
        ExternalTool.run("ntfscp", "-f", stored.toString(), source.toString(), name);
        image = NtfsImage.load(stored);
    }

    private int recordOf(String name) throws IOException {
        Path stored = image.store(directory.resolve("image"));
        String said = ExternalTool.run("ntfsls", "-f", "-i", stored.toString());
        return said.lines()
                .filter(line -> line.strip().endsWith(" " + name))
                .mapToInt(line -> Integer.parseInt(line.strip().replaceFirst("\\s.*", "")))
                .findFirst()
                .orElseThrow();
    }

    private void assertState(String expected) throws IOException {
        FilesystemState state = image.state();
        assertEquals(expected, state.getClass().getSimpleName(), state::reasonText);
    }
}
