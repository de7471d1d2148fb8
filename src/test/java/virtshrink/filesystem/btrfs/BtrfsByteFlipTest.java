package virtshrink.filesystem.btrfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import virtshrink.block.ByteRange;
import virtshrink.filesystem.ByteFlips;
import virtshrink.filesystem.FilesystemState;

/** Every checksum that the format carries is proven to be checked, of the superblocks and of each kind of tree block. */
class BtrfsByteFlipTest {
    private static final Map<String, Long> TREES = Map.of(
            "root", 1L, "extent", 2L, "chunk", 3L, "device", 4L, "files", 5L, "checksums", 7L, "free space", 10L);

    @TempDir
    Path directory;

    @BeforeAll
    static void needsTools() {
        BtrfsProgs.assumeInstalled();
    }

    @ParameterizedTest
    @CsvSource({"crc32c, 4", "xxhash, 8", "sha256, 32", "blake2, 32"})
    void everyFlippedBitIsFound(String checksum, int checksumBytes) throws IOException {
        CapturedBtrfs image =
                CapturedBtrfs.load(BtrfsProgs.make(directory.resolve("image"), 16 << 20, "--mixed --csum " + checksum));
        ByteFlips flips = new ByteFlips(new BtrfsReader(), image.disk);
        // Whole blocks take their time: with the other algorithms their beginnings are enough.
        boolean whole = checksum.equals("crc32c");
        assertFound(flips, "superblock", CapturedBtrfs.SUPERBLOCK, whole ? 4096 : 600, checksumBytes);
        for (Map.Entry<String, Long> tree : TREES.entrySet()) {
            int length = tree.getKey().equals("extent") && whole ? image.nodeBytes : 200;
            assertFound(flips, tree.getKey() + " tree", image.node(tree.getValue()), length, checksumBytes);
        }
    }

    /** What of the checksum's field the algorithm does not fill means nothing. */
    private static void assertFound(ByteFlips flips, String structure, int at, int length, int checksumBytes)
            throws IOException {
        flips.assertAllNoticedIn(structure, new ByteRange(at, checksumBytes));
        List<ByteFlips.Flip> unnoticed =
                flips.unnoticedIn(ByteRange.between((long) at + checksumBytes, at + BtrfsChecksum.FIELD_BYTES));
        assertEquals((BtrfsChecksum.FIELD_BYTES - checksumBytes) * 8, unnoticed.size());
        flips.assertAllNoticedIn(
                structure, ByteRange.between((long) at + BtrfsChecksum.FIELD_BYTES, (long) at + length));
    }

    @Test
    void everyChangedByteOfTheSecondSuperblockIsFound() throws IOException {
        CapturedBtrfs image =
                CapturedBtrfs.load(BtrfsProgs.make(directory.resolve("image"), 66 << 20, "--mixed -m single"));
        for (int sealed = 0; sealed < 2; sealed++) {
            for (int at = BtrfsChecksum.FIELD_BYTES; at < 4096; at += 1 + 3 * sealed) {
                image.disk.bytes()[CapturedBtrfs.MIRROR + at] ^= 0x10;
                if (sealed == 1) {
                    image.sealSuperblock(CapturedBtrfs.MIRROR);
                }
                assertInstanceOf(FilesystemState.Corrupt.class, image.state(), "byte " + at);
                image.disk.bytes()[CapturedBtrfs.MIRROR + at] ^= 0x10;
            }
        }
        image.sealSuperblock(CapturedBtrfs.MIRROR);
        assertInstanceOf(FilesystemState.FreeSpace.class, image.state());
    }
}
