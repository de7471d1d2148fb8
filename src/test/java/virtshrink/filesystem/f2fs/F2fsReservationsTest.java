package virtshrink.filesystem.f2fs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.ByteRange;
import virtshrink.block.CorruptStructureException;
import virtshrink.block.MemoryDisk;
import virtshrink.block.RangeSet;
import virtshrink.block.StructureBytes;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FilesystemState.FreeSpace;
import virtshrink.filesystem.KernelImage;

class F2fsReservationsTest {
    private static final int BLOCK = F2fsSuperblock.BLOCK_BYTES;
    private static final int REGULAR = 0100644;
    private static final int NIDS = 1018;
    private static final int FLEXIBLE_INLINE_XATTR = 0x40;
    private static final int EXTRA_ATTR = 0x20;

    @TempDir
    Path directory;

    private final List<byte[]> nodes = new ArrayList<>();

    /** A node in that place of the tree of inode 7, all of whose words are {@code NEW_ADDR}. */
    private MemoryDisk node(long place) {
        MemoryDisk node = new MemoryDisk(BLOCK);
        for (int at = 0; at < 4072; at += 4) {
            node.u32le(at, 0xFFFF_FFFFL);
        }
        node.u32le(4072, place == 0 ? 7 : 100 + place)
                .u32le(4076, 7)
                .u32le(4080, place << 3 | 5)
                .u32le(4084, 0);
        nodes.add(node.bytes());
        return node;
    }

    private MemoryDisk inode(int mode, int inline) {
        return node(0).u16le(0, mode).put(3, inline);
    }

    private OptionalLong count(int feature) throws IOException {
        MemoryDisk disk = new MemoryDisk(nodes.size() * BLOCK);
        for (int number = 0; number < nodes.size(); number++) {
            disk.putBytes(number * BLOCK, nodes.get(number));
        }
        F2fsSuperblock superblock = new F2fsSuperblock(0, 0, 0, 0, 0, 0, 0, "", "", 0, feature, false, false);
        return F2fsReservations.count(disk, superblock, RangeSet.of(new ByteRange(0, disk.sizeBytes())));
    }

    @Test
    void anInodeHasItsAddressesBetweenItsAttributes() throws IOException {
        inode(REGULAR, 0);
        assertEquals(OptionalLong.of(923), count(0));
        inode(REGULAR, 0x01);
        assertEquals(OptionalLong.of(923 + 873), count(0));
        nodes.clear();
        inode(REGULAR, EXTRA_ATTR).u16le(360, 36).u16le(362, 20);
        assertEquals(OptionalLong.of(923 - 9 - 20), count(FLEXIBLE_INLINE_XATTR));
        assertEquals(OptionalLong.of(923 - 9), count(0));
    }

    @Test
    void whatIsInlineOrNoFileHasNone() throws IOException {
        inode(REGULAR, 0x02);
        inode(0040755, 0x04);
        inode(0020600, 0);
        inode(0060600, 0);
        inode(0010600, 0);
        assertEquals(OptionalLong.of(0), count(0));
    }

    @Test
    void onlyDirectNodesHoldAddresses() throws IOException {
        for (long place : new long[] {1, 2, 4, 3 + NIDS, 5 + NIDS, 4 + 2 * NIDS, 7 + 2 * NIDS, 6 + 3 * NIDS}) {
            nodes.clear();
            node(place);
            assertEquals(OptionalLong.of(1018), count(0), "place " + place);
        }
        // Indirect, doubly indirect, those below it, and extended attributes.
        for (long place : new long[] {3, 4 + NIDS, 5 + 2 * NIDS, 6 + 2 * NIDS, 7 + 3 * NIDS, 0x1FFF_FFFFL}) {
            nodes.clear();
            node(place);
            assertEquals(OptionalLong.of(0), count(0), "place " + place);
        }
    }

    @Test
    void compressedFilesAreLeftToTheDriver() throws IOException {
        inode(REGULAR, 0).u32le(400, 0xFFFF_FFFEL);
        assertEquals(OptionalLong.empty(), count(0));
    }

    @Test
    void nodesThatContradictThemselvesAreCorrupt() {
        node(1).u32le(4072, 7);
        assertThrows(CorruptStructureException.class, () -> count(0));
        nodes.clear();
        node(0).u32le(4072, 8);
        assertThrows(CorruptStructureException.class, () -> count(0));
        nodes.clear();
        inode(REGULAR, EXTRA_ATTR).u16le(360, 4000);
        assertThrows(CorruptStructureException.class, () -> count(0));
    }

    /** Whatever the nodes say, nothing more is free than the table of segments leaves. */
    @Test
    void changedNodesNeverFreeMore() throws IOException {
        MemoryDisk disk = MemoryDisk.load(KernelImage.unpack("f2fs-preallocated", directory));
        FreeSpace space = (FreeSpace) new F2fsReader().read(disk).state();
        F2fsSuperblock superblock = F2fsSuperblock.parse(
                new StructureBytes(F2fsSuperblock.STRUCTURE, 1024, disk.read(1024, F2fsSuperblock.LENGTH_BYTES)),
                disk.sizeBytes());
        F2fsCheckpoint checkpoint = F2fsCheckpoint.read(
                        disk, superblock, F2fsSeal.newestPack(disk) == F2fsSeal.pack(disk, 1) ? 1 : 0)
                .orElseThrow();
        List<Integer> blocks = new ArrayList<>();
        for (ByteRange range :
                F2fsSit.read(disk, superblock, checkpoint).nodes().orElseThrow()) {
            for (long at = range.startBytes(); at < range.endBytes(); at += BLOCK) {
                blocks.add((int) at);
            }
        }
        Random random = new Random(20261122);
        int refused = 0;
        for (int round = 0; round < 3000; round++) {
            int at = blocks.get(random.nextInt(blocks.size()))
                    + switch (random.nextInt(3)) {
                        case 0 -> random.nextInt(4);
                        case 1 -> 356 + random.nextInt(200);
                        default -> 4072 + random.nextInt(12);
                    };
            byte before = disk.bytes()[at];
            disk.put(at, random.nextInt(4) == 0 ? 0xFF : random.nextInt(256));
            FilesystemState state = new F2fsReader().read(disk).state();
            disk.bytes()[at] = before;
            refused += state instanceof FreeSpace ? 0 : 1;
            if (state instanceof FreeSpace found) {
                assertEquals(space, found, "round " + round);
            }
        }
        assertTrue(refused > 100, refused + " refused");
        assertFalse(blocks.isEmpty());
    }
}
