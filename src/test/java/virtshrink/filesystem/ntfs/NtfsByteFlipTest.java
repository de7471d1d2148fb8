package virtshrink.filesystem.ntfs;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ByteRange;
import virtshrink.block.ExternalTool;
import virtshrink.filesystem.ByteFlips;

/**
 * NTFS has no checksums, so a flipped bit may pass where it means nothing for free space, such as a date. It never makes more free; and of
 * {@code $Bitmap} and of what locates clusters none passes at all.
 */
class NtfsByteFlipTest {
    @TempDir
    static Path directory;

    private static NtfsImage image;
    private static ByteFlips flips;

    @BeforeAll
    static void makeVolume() throws IOException {
        Ntfs3g.assumeInstalled();
        Path made = Ntfs3g.make(directory.resolve("image"), 1 << 21, "-f -c 2048 -L label");
        ExternalTool.run("ntfscp", "-f", made.toString(), "/usr/bin/env", "a file");
        image = NtfsImage.load(made);
        flips = new ByteFlips(new NtfsReader(), image.disk());
    }

    @Test
    void bootSector() throws IOException {
        // Bytes per sector, sectors per cluster, reserved and FAT fields, total sectors, places of $MFT and $MFTMirr,
        // size of a record; neither media type, nor BIOS geometry, nor boot code.
        flips.assertAllNoticedIn("oem id", new ByteRange(0x03, 8));
        flips.assertAllNoticedIn("sizes", new ByteRange(0x0B, 8));
        flips.assertAllNoticedIn("places", new ByteRange(0x28, 24));
        flips.assertAllNoticedIn("record size", new ByteRange(0x40, 1));
        flips.unnoticedIn(new ByteRange(0, 512));
    }

    @Test
    void copyOfTheBootSector() throws IOException {
        int copy = image.disk().bytes().length - 512;
        flips.assertAllNoticedIn("sizes", new ByteRange(copy + 0x0B, 8));
        flips.assertAllNoticedIn("places", new ByteRange(copy + 0x28, 24));
        flips.unnoticedIn(new ByteRange(copy, 128));
    }

    @Test
    void everyBitOfTheBitmap() throws IOException {
        flips.assertAllNoticedIn("$Bitmap", new ByteRange(image.dataAt(MasterFileTable.BITMAP), 128));
    }

    @Test
    void startOfTheLog() throws IOException {
        flips.assertAllNoticedIn("$LogFile", new ByteRange(image.dataAt(MasterFileTable.LOG_FILE), 64));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    void mirroredRecords(int number) throws IOException {
        ByteRange record = new ByteRange(image.recordAt(number), image.usedBytes(number));
        int attributes = 0x38;
        flips.unnoticedIn(new ByteRange(record.startBytes(), attributes));
        flips.assertAllNoticedIn(
                "record " + number, ByteRange.between(record.startBytes() + attributes, record.endBytes()));
        flips.assertAllNoticedIn(
                "mirror of " + number,
                new ByteRange(image.mirrorAt(number) + attributes, image.usedBytes(number) - attributes));
    }

    @ParameterizedTest
    @ValueSource(ints = {5, 6, 7, 8, 27})
    void otherRecords(int number) throws IOException {
        List<ByteFlips.Flip> unnoticed =
                flips.unnoticedIn(new ByteRange(image.recordAt(number), image.usedBytes(number)));
        // What tells where a file's clusters are is noticed.
        List<ByteRange> pairs = image.runsOf(number);
        List<ByteFlips.Flip> misplaced = unnoticed.stream()
                .filter(flip -> pairs.stream().anyMatch(range -> range.contains(new ByteRange(flip.offsetBytes(), 1))))
                .toList();
        assertEquals(List.of(), misplaced);
    }

    @Test
    void updateSequences() throws IOException {
        for (int number = 0; number < 12; number++) {
            flips.assertAllNoticedIn("end of the first stride", new ByteRange(image.recordAt(number) + 510, 2));
            flips.assertAllNoticedIn("end of the second stride", new ByteRange(image.recordAt(number) + 1022, 2));
        }
    }
}
