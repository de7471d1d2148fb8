package virtshrink.os;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Clones and extents on filesystems that can share blocks, and the refusal of those that cannot. */
class SharedBlocksTest {
    private static final long FILESYSTEM_BYTES = 320L << 20;
    private static final int BLOCK = 4096;

    @TempDir
    Path scratch;

    @Test
    void xfsWithReflinkSharesBlocksAndSaysWhere() throws Exception {
        try (LoopMount xfs = LoopMount.make(scratch, FILESYSTEM_BYTES, "rw", "mkfs.xfs", "-q", "-m", "reflink=1")) {
            sharesBlocks(xfs.path());
            keepsProject(xfs.path());
        }
    }

    @Test
    void btrfsSharesBlocksButNotBetweenKindsOfFiles() throws Exception {
        try (LoopMount btrfs = LoopMount.make(scratch, FILESYSTEM_BYTES, "rw", "mkfs.btrfs", "-q")) {
            assertEquals(FileSystemType.BTRFS, FileSystemType.of(btrfs.path()));
            sharesBlocks(btrfs.path());
            Path noCow = btrfs.path().resolve("in place");
            Path plain = btrfs.path().resolve("plain");
            try (OpenFile original = OpenFile.createExclusive(noCow, 0600);
                    OpenFile other = OpenFile.createExclusive(plain, 0600)) {
                original.inode().setFlags(original.inode().flags().orElseThrow() | InodeFlags.NOCOW);
                fill(original, 16);
                OsException refused =
                        assertThrows(OsException.class, () -> other.content().cloneRange(original, 0, 4 * BLOCK, 0));
                assertTrue(refused.isUnsupported(), refused.getMessage());
                assertTrue(ReflinkProbe.canClone(original, btrfs.path().resolve("probe")));
                assertFalse(Files.exists(btrfs.path().resolve("probe")));
            }
        }
    }

    @Test
    void xfsWithoutReflinkIsFoundOutByTrying() throws Exception {
        try (LoopMount xfs =
                LoopMount.make(scratch, FILESYSTEM_BYTES, "rw", "mkfs.xfs", "-q", "-m", "reflink=0,rmapbt=0")) {
            assertEquals(FileSystemType.XFS, FileSystemType.of(xfs.path()));
            cannotClone(xfs.path());
        }
    }

    @Test
    void extCannotShareBlocks() throws Exception {
        try (LoopMount ext = LoopMount.make(scratch, 16L << 20, "rw", "mkfs.ext4", "-q")) {
            assertEquals(FileSystemType.EXT, FileSystemType.of(ext.path()));
            cannotClone(ext.path());
        }
    }

    @Test
    void extentsOfAFragmentedFileComeInBatchesAndInOrder() throws Exception {
        int pieces = 1300;
        try (OpenFile file = OpenFile.createExclusive(scratch.resolve("fragmented"), 0600)) {
            for (int i = 0; i < pieces; i++) {
                file.content().write(new byte[] {1}, 2L * i * 65536);
            }
            List<PhysicalExtent> extents = file.content().extents();
            assertEquals(pieces, extents.size());
            for (int i = 0; i < pieces; i++) {
                assertEquals(2L * i * 65536, extents.get(i).logicalBytes());
                assertTrue(extents.get(i).hasPhysicalPlace(), extents.get(i).toString());
            }
            assertTrue(extents.get(pieces - 1).last());
            assertTrue(file.content().extentsFrom(2L * pieces * 65536).isEmpty());
        }
    }

    @Test
    void preallocatedSpaceIsToldFromData() throws Exception {
        Path path = scratch.resolve("preallocated");
        LoopMount.run("fallocate", "-l", "1M", path.toString());
        try (OpenFile file = OpenFile.readWrite(path)) {
            file.content().write(new byte[BLOCK], 0);
            List<PhysicalExtent> extents = file.content().extents();
            assertFalse(extents.get(0).unwritten());
            assertTrue(extents.get(1).unwritten());
            assertEquals(1 << 20, file.status().allocatedBytes());
        }
    }

    private static void sharesBlocks(Path directory) throws Exception {
        Path original = directory.resolve("original");
        Path copy = directory.resolve("copy");
        try (OpenFile from = OpenFile.createExclusive(original, 0600);
                OpenFile to = OpenFile.createExclusive(copy, 0600)) {
            assertFalse(ReflinkProbe.canClone(from, directory.resolve("probe")), "nothing to share");
            fill(from, 64);
            assertTrue(ReflinkProbe.canClone(from, directory.resolve("probe")));
            to.content().cloneRange(from, 16 * BLOCK, 32 * BLOCK, 8 * BLOCK);
            assertTrue(to.content().extents().stream().allMatch(PhysicalExtent::shared));
            assertEquals(place(from, 16 * BLOCK), place(to, 8 * BLOCK));
            byte[] expected = new byte[32 * BLOCK];
            byte[] actual = new byte[32 * BLOCK];
            from.content().read(expected, 16 * BLOCK);
            to.content().read(actual, 8 * BLOCK);
            assertArrayEquals(expected, actual);
        }
        try (var left = Files.list(directory)) {
            assertEquals(2, left.count());
        }
    }

    /** Where the block lies on the disk that is the file's at this offset. */
    private static long place(OpenFile file, long offset) throws Exception {
        PhysicalExtent extent = file.content().extentsFrom(offset).get(0);
        assertTrue(extent.hasPhysicalPlace());
        return extent.physicalBytes() + offset - extent.logicalBytes();
    }

    private static void keepsProject(Path directory) throws Exception {
        try (OpenFile file = OpenFile.createExclusive(directory.resolve("with project"), 0600)) {
            ExtendedFileAttributes fresh = file.inode().extendedAttributes().orElseThrow();
            assertEquals(0, fresh.projectId());
            ExtendedFileAttributes wanted = new ExtendedFileAttributes(fresh.flags(), 0, 4711, 0);
            file.inode().setExtendedAttributes(wanted);
            assertEquals(wanted, file.inode().extendedAttributes().orElseThrow());
        }
    }

    private static void cannotClone(Path directory) throws Exception {
        try (OpenFile original = OpenFile.createExclusive(directory.resolve("original"), 0600)) {
            fill(original, 16);
            assertFalse(ReflinkProbe.canClone(original, directory.resolve("probe")));
            assertFalse(Files.exists(directory.resolve("probe")));
        }
    }

    private static void fill(OpenFile file, int blocks) throws Exception {
        byte[] bytes = new byte[blocks * BLOCK];
        new Random(4711).nextBytes(bytes);
        file.content().write(bytes, 0);
    }
}
