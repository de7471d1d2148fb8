package virtshrink.filesystem.fat;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ByteRange;
import virtshrink.block.MemoryDisk;
import virtshrink.filesystem.ByteFlips;
import virtshrink.filesystem.fat.Dosfstools.Content;

/** FAT has no checksums, but it has copies: no flipped bit of any structure gives a larger free map. */
class FatByteFlipTest {
    @TempDir
    static Path directory;

    @BeforeAll
    static void needsTools() {
        Dosfstools.assumeInstalled();
    }

    @ParameterizedTest
    @ValueSource(strings = {"-F 12 -s 1", "-F 32 -s 1"})
    void everyFlippedBitOfATableIsFoundByItsCopy(String options) throws IOException {
        MemoryDisk disk = Dosfstools.disk(directory, 1 << 20, options, Content.USED);
        ByteFlips flips = new ByteFlips(new FatReader(), disk);
        int start = (disk.bytes()[0x0E] & 0xFF) * 512;
        int clusters = 900;
        int bytes = options.contains("12") ? clusters * 3 / 2 : clusters * 4;
        int copy = (options.contains("12") ? disk.bytes()[0x16] : disk.bytes()[0x24]) * 512;
        flips.assertAllNoticedIn("first table", new ByteRange(start, bytes));
        flips.assertAllNoticedIn("second table", new ByteRange(start + copy + 8, bytes - 8));
    }

    @ParameterizedTest
    @ValueSource(strings = {"-F 12 -s 1", "-F 16 -s 1", "-F 32 -s 1"})
    void noFlippedBitOfTheBootSectorGivesMoreFreeSpace(String options) throws IOException {
        int mebibytes = options.contains("16") ? 4 : 1;
        MemoryDisk disk = Dosfstools.disk(directory, mebibytes << 20, options, Content.USED);
        ByteFlips flips = new ByteFlips(new FatReader(), disk);
        List<ByteFlips.Flip> unnoticed = flips.unnoticedIn(new ByteRange(0, 512));
        int describes = options.contains("32") ? 0x34 : 0x24;
        List<ByteFlips.Flip> serious = unnoticed.stream()
                .filter(flip -> flip.offsetBytes() >= 0x0B && flip.offsetBytes() < describes)
                .filter(flip -> !isGeometryOfDrive(flip.offsetBytes()) && !isHarmless(flip.offsetBytes()))
                .toList();
        assertTrue(serious.isEmpty(), serious::toString);
    }

    @Test
    void noFlippedBitOfTheBackupIsUnnoticedWhereItDescribesTheVolume() throws IOException {
        MemoryDisk disk = Dosfstools.disk(directory, 1 << 20, "-F 32 -s 1", Content.USED);
        ByteFlips flips = new ByteFlips(new FatReader(), disk);
        int backup = 6 * 512;
        flips.assertAllNoticedIn("backup", new ByteRange(backup + 0x0B, 0x18 - 0x0B));
        flips.assertAllNoticedIn("backup", new ByteRange(backup + 0x20, 0x34 - 0x20));
    }

    @Test
    void noFlippedBitOfADirectoryGivesMoreFreeSpace() throws IOException {
        for (String options : new String[] {"-F 12 -s 1", "-F 32 -s 1"}) {
            MemoryDisk disk = Dosfstools.disk(directory, 1 << 20, options, Content.USED);
            int fats = options.contains("12") ? disk.bytes()[0x16] : disk.bytes()[0x24];
            int root = ((disk.bytes()[0x0E] & 0xFF) + 2 * fats) * 512;
            new ByteFlips(new FatReader(), disk).unnoticedIn(new ByteRange(root, 1024));
        }
    }

    /** Sectors per track, heads, hidden sectors: nobody asks for them any more. */
    private static boolean isGeometryOfDrive(long offset) {
        return offset >= 0x18 && offset < 0x20;
    }

    private static boolean isHarmless(long offset) {
        // The 32-bit number of sectors that becomes the same as the 16-bit one, and another place for a backup, where
        // there is none.
        return offset == 0x21 || offset == 0x32;
    }
}
