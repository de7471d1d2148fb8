package virtshrink.filesystem.fat;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.ByteRange;
import virtshrink.block.MemoryDisk;
import virtshrink.filesystem.ByteFlips;
import virtshrink.filesystem.fat.Dosfstools.Content;

/** Every checksum that the format carries is proven to be checked. */
class ExfatByteFlipTest {
    private static final int SECTOR_BYTES = 512;
    private static final int CLUSTER_BYTES = 512;
    private static final int REGION_BYTES = 12 * SECTOR_BYTES;

    @TempDir
    Path directory;

    @BeforeAll
    static void needsTools() {
        Exfatprogs.assumeInstalled();
    }

    private MemoryDisk disk() throws IOException {
        return Exfatprogs.disk(directory, 3 << 20, "-c 512 -b 4K", Content.USED);
    }

    @Test
    void everyFlippedBitOfBothBootRegionsIsFoundButThoseThatChangeWithEveryMount() throws IOException {
        ByteFlips flips = new ByteFlips(new ExfatReader(), disk());
        for (int region = 0; region < 2; region++) {
            List<ByteFlips.Flip> unnoticed =
                    flips.unnoticedIn(new ByteRange((long) region * REGION_BYTES, REGION_BYTES));
            int start = region * REGION_BYTES;
            assertTrue(
                    unnoticed.stream()
                            .map(flip -> flip.offsetBytes() - start)
                            .allMatch(at -> at == 106 || at == 107 || at == 112),
                    unnoticed::toString);
        }
    }

    @Test
    void everyFlippedBitOfTheUpcaseTableIsFound() throws IOException {
        MemoryDisk disk = disk();
        int entry = rootEntry(disk, 0x82);
        new ByteFlips(new ExfatReader(), disk)
                .assertAllNoticedIn(
                        "up-case table", new ByteRange(clusterAt(disk, u32(disk, entry + 20)), u32(disk, entry + 24)));
    }

    @Test
    void noFlippedBitOfTheRootDirectoryGivesMoreFreeSpaceAndSetsAreCovered() throws IOException {
        MemoryDisk disk = disk();
        ByteFlips flips = new ByteFlips(new ExfatReader(), disk);
        int root = clusterAt(disk, u32(disk, 96));
        flips.unnoticedIn(new ByteRange(root, CLUSTER_BYTES));
        int set = rootEntry(disk, 0x85);
        // A flipped mark of use deletes the first entry, and leaves others without it.
        flips.assertAllNoticedIn("entry set", new ByteRange(set, 96));
    }

    @Test
    void noFlippedBitOfTheBitmapCallsFreeWhatIsOwned() throws IOException {
        MemoryDisk disk = disk();
        int bitmap = clusterAt(disk, u32(disk, rootEntry(disk, 0x81) + 20));
        // All that this volume calls used is owned by something, so that a bit that is lost is found; one too many is
        // safe.
        new ByteFlips(new ExfatReader(), disk).unnoticedIn(new ByteRange(bitmap, 700));
    }

    private static int u32(MemoryDisk disk, int at) {
        return ByteBuffer.wrap(disk.bytes()).order(ByteOrder.LITTLE_ENDIAN).getInt(at);
    }

    private static int clusterAt(MemoryDisk disk, int cluster) {
        return u32(disk, 88) * SECTOR_BYTES + (cluster - 2) * CLUSTER_BYTES;
    }

    private static int rootEntry(MemoryDisk disk, int type) {
        int at = clusterAt(disk, u32(disk, 96));
        while ((disk.bytes()[at] & 0xFF) != type) {
            at += 32;
        }
        return at;
    }
}
