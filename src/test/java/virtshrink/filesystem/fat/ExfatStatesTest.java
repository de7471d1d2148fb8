package virtshrink.filesystem.fat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;
import virtshrink.block.MemoryDisk;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FilesystemState.Corrupt;
import virtshrink.filesystem.FilesystemState.Dirty;
import virtshrink.filesystem.FilesystemState.FreeSpace;
import virtshrink.filesystem.FilesystemState.Unsupported;
import virtshrink.filesystem.MountedImage;
import virtshrink.filesystem.fat.Dosfstools.Content;

/** One field of a sound volume is changed, its checksums are put right, and the answer is the one that this field asks for. */
class ExfatStatesTest {
    private static final int CLUSTER_BYTES = 512;
    private static final int SECTOR_BYTES = 512;
    private static final int SIZE_BYTES = (4 << 20) + 3 * SECTOR_BYTES;

    private static Optional<MemoryDisk> made = Optional.empty();

    @TempDir
    static Path directory;

    @BeforeAll
    static void makeVolume() throws IOException {
        Exfatprogs.assumeInstalled();
        made = Optional.of(Exfatprogs.disk(directory, SIZE_BYTES, "-c 512 -b 4K -L Label", Content.FRAGMENTED));
    }

    @AfterAll
    static void forget() {
        made = Optional.empty();
    }

    private static MemoryDisk disk() {
        return made.orElseThrow().copy();
    }

    private static FilesystemState read(MemoryDisk disk) throws IOException {
        ExfatReader reader = new ExfatReader();
        assertTrue(reader.recognises(disk));
        return reader.read(disk).state();
    }

    private static FilesystemState sealed(MemoryDisk disk) throws IOException {
        ExfatSeal.bootRegions(disk);
        return read(disk);
    }

    private static void assertReason(Class<? extends FilesystemState> state, String reason, FilesystemState found) {
        assertInstanceOf(state, found, found::reasonText);
        assertTrue(found.reasonText().contains(reason), found::reasonText);
    }

    private static int u32(MemoryDisk disk, int at) {
        return ByteBuffer.wrap(disk.bytes()).order(ByteOrder.LITTLE_ENDIAN).getInt(at);
    }

    private static int fatAt(MemoryDisk disk, int cluster) {
        return u32(disk, 80) * SECTOR_BYTES + cluster * 4;
    }

    private static int clusterAt(MemoryDisk disk, int cluster) {
        return u32(disk, 88) * SECTOR_BYTES + (cluster - 2) * CLUSTER_BYTES;
    }

    /** Where the first entry of a type stands in the root directory. */
    private static int rootEntry(MemoryDisk disk, int type) {
        int at = clusterAt(disk, u32(disk, 96));
        while ((disk.bytes()[at] & 0xFF) != type) {
            at += 32;
        }
        return at;
    }

    /** Where the set of the directory DIR begins, in whichever cluster of the root directory. */
    private static int directorySet(MemoryDisk disk) {
        byte[] name = "DIR\0".getBytes(StandardCharsets.UTF_16LE);
        for (int at = clusterAt(disk, 2); ; at += 32) {
            if ((disk.bytes()[at] & 0xFF) == 0x85
                    && (disk.bytes()[at + 64] & 0xFF) == 0xC1
                    && new String(disk.bytes(), at + 66, name.length, StandardCharsets.UTF_16LE).equals("DIR\0")) {
                return at;
            }
        }
    }

    private static void setAllocated(MemoryDisk disk, int cluster, boolean allocated) {
        int bitmap = clusterAt(disk, u32(disk, rootEntry(disk, 0x81) + 20));
        int bit = 1 << ((cluster - 2) % 8);
        int at = bitmap + (cluster - 2) / 8;
        disk.put(at, allocated ? disk.bytes()[at] | bit : disk.bytes()[at] & ~bit);
    }

    @Test
    void aCleanVolumeHasFreeSpace() throws IOException {
        FreeSpace space = assertInstanceOf(FreeSpace.class, read(disk()));
        assertTrue(space.freeBytes() > 1 << 20 && space.free().size() > 5, space::toString);
        assertFalse(space.free().overlaps(new ByteRange(0, clusterAt(disk(), 2))));
        assertEquals(space, sealed(disk()));
        assertEquals("Label", new ExfatReader().read(disk()).identity().label());
    }

    @ParameterizedTest
    @ValueSource(ints = {0x2, 0x4, 0x6, 0x3})
    void aVolumeInUseOrWithErrorsIsDirty(int flags) throws IOException {
        assertInstanceOf(Dirty.class, read(disk().u16le(106, flags)));
    }

    @Test
    void aMountedVolumeIsNeverFreeSpace() throws IOException {
        Path image = Exfatprogs.make(directory.resolve("mounted.img"), 4 << 20, "-c 512 -b 4K");
        try (MountedImage mounted = MountedImage.exfat(image, directory.resolve("mounted"), "rw")) {
            for (int number = 0; number < 20; number++) {
                Files.write(mounted.path().resolve("file" + number), new byte[number * 1000]);
                if (number % 3 == 0) {
                    Files.delete(mounted.path().resolve("file" + number));
                }
                mounted.sync();
                assertInstanceOf(Dirty.class, read(MemoryDisk.load(image)));
            }
        }
        assertInstanceOf(FreeSpace.class, read(MemoryDisk.load(image)));
    }

    @Test
    void aFlagWithoutMeaningChangesNothing() throws IOException {
        assertEquals(read(disk()), read(disk().u16le(106, 8)));
    }

    @Test
    void flagsThatNobodyKnowsAreUnsupported() throws IOException {
        assertReason(Unsupported.class, "unknown volume flags 0x10", read(disk().u16le(106, 0x10)));
    }

    @Test
    void twoTablesAreUnsupported() throws IOException {
        assertReason(Unsupported.class, "TexFAT", read(disk().u16le(106, 1)));
        assertReason(
                Unsupported.class,
                "TexFAT",
                sealed(disk().put(110, 2).u32le(88, 160).u32le(92, 8000)));
    }

    @Test
    void anotherRevisionIsUnsupported() throws IOException {
        assertReason(Unsupported.class, "unknown revision 1.01", sealed(disk().u16le(104, 0x101)));
        assertReason(Unsupported.class, "unknown revision 2.00", sealed(disk().u16le(104, 0x200)));
    }

    @Test
    void moreClustersThanMemoryIsSparedForAreUnsupported() throws IOException {
        long clusters = ClusterSet.MOST_BITS + 1;
        MemoryDisk disk = disk().u32le(92, clusters)
                .u64le(72, clusters * 2)
                .u32le(84, clusters / 100)
                .u32le(88, clusters / 99);
        assertReason(
                Unsupported.class,
                "more than 268435456 are not supported",
                new ExfatReader().read(new Huge(disk)).state());
    }

    /** A volume that is mostly not there. */
    private record Huge(MemoryDisk disk) implements BlockSource {
        @Override
        public long sizeBytes() {
            return 1L << 40;
        }

        @Override
        public void read(long offsetBytes, ByteBuffer destination) throws IOException {
            disk.read(offsetBytes, destination);
        }
    }

    @Test
    void aVolumeCutShortIsCorrupt() throws IOException {
        assertReason(Corrupt.class, "sectors of 512 bytes expected", read(disk().resized(SIZE_BYTES - 512)));
    }

    @Test
    void placesThatContradictEachOtherAreCorrupt() throws IOException {
        assertReason(Corrupt.class, "file allocation table in sector 23", sealed(disk().u32le(80, 23)));
        assertReason(Corrupt.class, "is too small for", sealed(disk().u32le(84, 1)));
        assertReason(Corrupt.class, "clusters of 1 sectors expected", sealed(disk().u32le(92, 9000)));
        assertReason(Corrupt.class, "root directory in cluster 1 ", sealed(disk().u32le(96, 1)));
        assertReason(Corrupt.class, "sectors of 2^13 bytes", sealed(disk().put(108, 13)));
        assertReason(Corrupt.class, "clusters of 2^26 bytes", sealed(disk().put(109, 17)));
        assertReason(Corrupt.class, "3 file allocation tables", sealed(disk().put(110, 3)));
    }

    @Test
    void aBackupOfAnotherVolumeIsCorrupt() throws IOException {
        MemoryDisk other = disk();
        ExfatSeal.bootRegions(other.u32le(100, 0x12345678));
        MemoryDisk disk = disk();
        System.arraycopy(other.bytes(), 0, disk.bytes(), 12 * SECTOR_BYTES, 12 * SECTOR_BYTES);
        assertReason(Corrupt.class, "the backup describes another volume", read(disk));
    }

    @Test
    void aStaleBackupOfFlagsIsNoMatter() throws IOException {
        assertEquals(read(disk()), read(disk().put(12 * SECTOR_BYTES + 106, 2).put(12 * SECTOR_BYTES + 112, 50)));
    }

    @Test
    void aMissingOrSecondBitmapIsCorrupt() throws IOException {
        MemoryDisk disk = disk();
        assertReason(Corrupt.class, "has no allocation bitmap", read(disk.put(rootEntry(disk, 0x81), 1)));
        disk = disk();
        assertReason(Corrupt.class, "a second allocation bitmap", read(disk.put(rootEntry(disk, 0x82), 0x81)));
        disk = disk();
        assertReason(Corrupt.class, "a second allocation bitmap", read(disk.put(rootEntry(disk, 0x81) + 1, 1)));
        disk = disk();
        assertReason(Corrupt.class, "has no up-case table", read(disk.put(rootEntry(disk, 0x82), 2)));
    }

    @Test
    void aBitmapOfTheWrongLengthIsCorrupt() throws IOException {
        MemoryDisk disk = disk();
        int at = rootEntry(disk, 0x81) + 24;
        assertReason(Corrupt.class, "bytes long, expected", read(disk.u32le(at, u32(disk, at) - 1)));
    }

    @Test
    void aBitmapInPiecesIsCorrupt() throws IOException {
        MemoryDisk disk = disk();
        int first = u32(disk, rootEntry(disk, 0x81) + 20);
        assertReason(Corrupt.class, "are not one run", read(disk.u32le(fatAt(disk, first), first + 5)));
    }

    @Test
    void aChangedUpcaseTableIsCorrupt() throws IOException {
        MemoryDisk disk = disk();
        int at = clusterAt(disk, u32(disk, rootEntry(disk, 0x82) + 20)) + 100;
        assertReason(Corrupt.class, "exFAT up-case table", read(disk.put(at, disk.bytes()[at] ^ 1)));
    }

    @Test
    void whatIsInUseAndCalledFreeIsCorrupt() throws IOException {
        MemoryDisk disk = disk();
        int[] inUse = {
            u32(disk, 96),
            u32(disk, rootEntry(disk, 0x81) + 20),
            u32(disk, rootEntry(disk, 0x82) + 20) + 1,
            u32(disk, directorySet(disk) + 32 + 20)
        };
        for (int cluster : inUse) {
            disk = disk();
            setAllocated(disk, cluster, false);
            assertReason(Corrupt.class, "uses cluster %d, which is free".formatted(cluster), read(disk));
        }
    }

    @Test
    void bitsBehindTheLastClusterMeanNothing() throws IOException {
        MemoryDisk disk = disk();
        int clusters = u32(disk, 92);
        assertTrue(clusters % 8 != 0, "another size has such bits");
        setAllocated(disk, clusters + 2, true);
        assertEquals(read(disk()), read(disk));
    }

    @Test
    void twoOwnersOfAClusterAreCorrupt() throws IOException {
        MemoryDisk disk = disk();
        int at = directorySet(disk);
        disk.u32le(at + 32 + 20, u32(disk, 96));
        ExfatSeal.entrySet(disk, at);
        assertReason(Corrupt.class, "shares clusters", read(disk));
    }

    @Test
    void anEntrySetWithAWrongChecksumIsCorrupt() throws IOException {
        MemoryDisk disk = disk();
        int at = directorySet(disk);
        assertReason(Corrupt.class, "does not match the entries'", read(disk.put(at + 70, 'x')));
    }

    @Test
    void aDirectoryWithAShorterOrLongerChainIsCorrupt() throws IOException {
        MemoryDisk disk = disk();
        int at = directorySet(disk);
        int length = u32(disk, at + 32 + 24);
        // By its chain, whatever it was before.
        int first = u32(disk, at + 32 + 20);
        disk.put(at + 33, 1).u32le(fatAt(disk, first), 0xFFFFFFFFL).u32le(at + 32 + 24, length + CLUSTER_BYTES);
        disk.u32le(at + 32 + 8, length);
        ExfatSeal.entrySet(disk, at);
        assertReason(Corrupt.class, "has only 1 clusters, and needs", read(disk));
    }

    @Test
    void aChainIntoABadClusterIsCorrupt() throws IOException {
        MemoryDisk disk = disk();
        disk.u32le(fatAt(disk, u32(disk, rootEntry(disk, 0x82) + 20)), 0xFFFFFFF7L);
        assertReason(Corrupt.class, "clusters from 4294967287", read(disk));
    }

    @Test
    void aRootDirectoryInACircleIsCorrupt() throws IOException {
        MemoryDisk disk = disk();
        int root = u32(disk, 96);
        int last = root;
        while (u32(disk, fatAt(disk, last)) != -1) {
            last = u32(disk, fatAt(disk, last));
        }
        assertReason(Corrupt.class, "the root directory is larger", read(disk.u32le(fatAt(disk, last), root)));
    }

    @Test
    void anEntryThatNobodyKnowsIsUnsupported() throws IOException {
        MemoryDisk disk = disk();
        int at = directorySet(disk);
        assertReason(Unsupported.class, "unknown directory entry type 0x86", read(disk.put(at, 0x86)));
    }

    @Test
    void aSecondaryEntryOnItsOwnIsCorrupt() throws IOException {
        MemoryDisk disk = disk();
        int at = directorySet(disk);
        assertReason(Corrupt.class, "without an entry that it belongs to", read(disk.put(at, 0x05)));
    }
}
