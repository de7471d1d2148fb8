package virtshrink.filesystem.ntfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.filesystem.FilesystemState;

/** Files whose runs need several records: rare, until a volume is old. The tools of ntfs-3g confirm that these are well made. */
class NtfsAttributeListTest {
    private static final int MFT = MasterFileTable.MFT;
    private static final int BITMAP = MasterFileTable.BITMAP;

    @TempDir
    Path directory;

    private NtfsImage image;
    private FilesystemState.FreeSpace before;

    @BeforeEach
    void makeVolume() throws IOException {
        Ntfs3g.assumeInstalled();
        image = NtfsImage.load(Ntfs3g.make(directory.resolve("image"), 8 << 20, "-f -c 512"));
        before = image.free();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void bitmapInFourPieces(boolean listInRecord) throws IOException {
        int list = listInRecord ? -1 : image.freeCluster(1000);
        image.splitData(BITMAP, new int[] {16, 17, 18}, list);
        assertSameAsTools(list);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void mftInSeveralPieces(boolean listInRecord) throws IOException {
        int list = listInRecord ? -1 : image.freeCluster(1000);
        moveFirstRecordsInto(new int[] {16, 17}, list);
        assertSameAsTools(list);
    }

    @Test
    void bothAtOnce() throws IOException {
        image.splitData(BITMAP, new int[] {18, 19}, -1);
        // The bitmap is not in one piece any more, so nothing new can be marked.
        moveFirstRecordsInto(new int[] {16}, -1);
        assertEquals(before, image.free());
        assertEquals(before.freeBytes(), Ntfs3g.freeBytes(image.store(directory.resolve("split"))));
    }

    @Test
    void extentsOutOfOrderAreCorrupt() throws IOException {
        image.splitData(BITMAP, new int[] {16, 17, 18}, -1);
        image.attribute(17, NtfsImage.DATA, extent -> extent.putLong(0x10, 1).putLong(0x18, 1));
        assertCorrupt("lacks an attribute 0x80");
    }

    @Test
    void anExtentOfAnotherFileIsCorrupt() throws IOException {
        image.splitData(BITMAP, new int[] {16, 17, 18}, -1);
        image.edit(17, record -> record.putLong(0x20, 5L | 5L << 48));
        assertCorrupt("does not continue $Bitmap");
    }

    @Test
    void anExtentInARecordUsedAnewIsCorrupt() throws IOException {
        image.splitData(BITMAP, new int[] {16, 17, 18}, -1);
        image.edit(17, record -> record.putChar(0x10, (char) 99));
        assertCorrupt("lacks an attribute");
    }

    @Test
    void aMissingExtentIsCorrupt() throws IOException {
        image.splitData(BITMAP, new int[] {16, 17, 18}, -1);
        image.attribute(BITMAP, AttributeRecord.ATTRIBUTE_LIST, list -> {
            // The last entry becomes one of an attribute that nobody asks for.
            list.putInt(list.capacity() - 0x20, 0x100);
        });
        assertCorrupt("clusters mapped");
    }

    /** The base record keeps the piece that holds the records before the 24th. */
    private void moveFirstRecordsInto(int[] holders, int list) {
        image.splitData(MFT, holders, list, 24 * image.recordBytes() / image.clusterBytes());
    }

    private void assertSameAsTools(int newlyUsed) throws IOException {
        long used = newlyUsed < 0 ? 0 : image.clusterBytes();
        assertEquals(before.freeBytes() - used, image.free().freeBytes());
        Path stored = image.store(directory.resolve("split"));
        assertEquals(before.freeBytes() - used, Ntfs3g.freeBytes(stored));
        Ntfs3g.assertClean(stored);
    }

    private void assertCorrupt(String reason) throws IOException {
        FilesystemState state = image.state();
        assertInstanceOf(FilesystemState.Corrupt.class, state);
        assertTrue(state.reasonText().contains(reason), state::reasonText);
    }
}
