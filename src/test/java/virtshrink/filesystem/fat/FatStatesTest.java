package virtshrink.filesystem.fat;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ByteRange;
import virtshrink.block.MemoryDisk;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.FilesystemState.Corrupt;
import virtshrink.filesystem.FilesystemState.Dirty;
import virtshrink.filesystem.FilesystemState.FreeSpace;
import virtshrink.filesystem.FilesystemState.Unsupported;
import virtshrink.filesystem.fat.Dosfstools.Content;

/** One field of a sound volume is changed, and the answer is the one that this field asks for. */
class FatStatesTest {
    private static final int DIRECTORY_ENTRY_CLUSTER_HIGH = 0x14;
    private static final int DIRECTORY_ENTRY_CLUSTER = 0x1A;
    private static final int DIRECTORY_ENTRY_SIZE = 0x1C;

    @TempDir
    static Path directory;

    @BeforeAll
    static void makeVolumes() throws IOException {
        Dosfstools.assumeInstalled();
        for (Kind kind : Kind.values()) {
            Path image = Dosfstools.make(directory.resolve(kind.name()), kind.sizeBytes, kind.options);
            Dosfstools.fill(image, Content.FRAGMENTED, directory);
        }
    }

    /** One volume of each type. */
    enum Kind {
        FAT12(1440 << 10, ""),
        FAT16(16 << 20, "-F 16 -s 4"),
        FAT32(34 << 20, "-F 32 -s 1 -n WIDE");

        private final int sizeBytes;
        private final String options;

        Kind(int sizeBytes, String options) {
            this.sizeBytes = sizeBytes;
            this.options = options;
        }

        MemoryDisk copy() throws IOException {
            return MemoryDisk.load(directory.resolve(name()));
        }
    }

    private static FilesystemState read(MemoryDisk disk) throws IOException {
        FatReader reader = new FatReader();
        assertTrue(reader.recognises(disk));
        return reader.read(disk).state();
    }

    private static void assertReason(Class<? extends FilesystemState> state, String reason, MemoryDisk disk)
            throws IOException {
        FilesystemState found = read(disk);
        assertInstanceOf(state, found, found::reasonText);
        assertTrue(found.reasonText().contains(reason), found::reasonText);
    }

    private static ByteBuffer little(MemoryDisk disk) {
        return ByteBuffer.wrap(disk.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static int u16(MemoryDisk disk, int at) {
        return little(disk).getChar(at);
    }

    private static int u32(MemoryDisk disk, int at) {
        return little(disk).getInt(at);
    }

    private static int fatAt(MemoryDisk disk, int copy) {
        int sectors = u16(disk, 0x16) != 0 ? u16(disk, 0x16) : u32(disk, 0x24);
        return (u16(disk, 0x0E) + copy * sectors) * u16(disk, 0x0B);
    }

    private static int entry(Kind kind, MemoryDisk disk, int cluster) {
        int fat = fatAt(disk, 0);
        return switch (kind) {
            case FAT12 -> {
                int both = u16(disk, fat + cluster * 3 / 2);
                yield cluster % 2 == 0 ? both & 0xFFF : both >>> 4;
            }
            case FAT16 -> u16(disk, fat + cluster * 2);
            case FAT32 -> u32(disk, fat + cluster * 4) & 0x0FFF_FFFF;
        };
    }

    /** In both copies of the table. */
    private static void setEntry(Kind kind, MemoryDisk disk, int cluster, int value) {
        for (int copy = 0; copy < 2; copy++) {
            int fat = fatAt(disk, copy);
            switch (kind) {
                case FAT12 -> {
                    int at = fat + cluster * 3 / 2;
                    int both = u16(disk, at);
                    disk.u16le(at, cluster % 2 == 0 ? (both & 0xF000) | value : (both & 0xF) | (value << 4));
                }
                case FAT16 -> disk.u16le(fat + cluster * 2, value);
                case FAT32 -> disk.u32le(fat + cluster * 4, value);
            }
        }
    }

    /** The first cluster, from the first one on, whose entry is in a range. */
    private static int find(Kind kind, MemoryDisk disk, int least, int most) {
        for (int cluster = 3; ; cluster++) {
            int value = entry(kind, disk, cluster);
            if (value >= least && value <= most) {
                return cluster;
            }
        }
    }

    private static int end(Kind kind) {
        return switch (kind) {
            case FAT12 -> 0xFFF;
            case FAT16 -> 0xFFFF;
            case FAT32 -> 0x0FFF_FFFF;
        };
    }

    private static int bad(Kind kind) {
        return end(kind) - 8;
    }

    /** Where the root directory's entry for the directory DIR stands. */
    private static int directoryEntry(MemoryDisk disk) {
        int at = fatAt(disk, 2);
        while (!new String(disk.bytes(), at, 11, ISO_8859_1).equals("DIR        ")) {
            at += 32;
        }
        return at;
    }

    private static int firstCluster(MemoryDisk disk, int entryAt) {
        return u16(disk, entryAt + DIRECTORY_ENTRY_CLUSTER);
    }

    @ParameterizedTest
    @EnumSource
    void aCleanVolumeHasFreeSpace(Kind kind) throws IOException {
        FreeSpace space = assertInstanceOf(FreeSpace.class, read(kind.copy()));
        assertTrue(space.freeBytes() > 500_000 && space.free().size() > 2, space::toString);
        assertFalse(space.free().overlaps(new ByteRange(0, fatAt(kind.copy(), 2))));
    }

    @ParameterizedTest
    @CsvSource({
        "FAT12, 0x25, 1",
        "FAT12, 0x25, 3",
        "FAT16, 0x25, 1",
        "FAT16, 0x25, 2",
        "FAT32, 0x41, 1",
        "FAT32, 0x41, 2"
    })
    void aMarkInTheBootSectorIsDirty(Kind kind, String at, int state) throws IOException {
        MemoryDisk disk = kind.copy().put(Integer.decode(at), state);
        assertReason(Dirty.class, "marked in the boot sector", disk);
    }

    @ParameterizedTest
    @CsvSource({
        "FAT12, 0x7FF",
        "FAT16, 0x7FFF",
        "FAT16, 0xBFFF",
        "FAT32, 0x07FFFFFF",
        "FAT32, 0x0BFFFFFF",
        "FAT32, 0x7FFFFFFF"
    })
    void aMarkInTheTableIsDirty(Kind kind, String second) throws IOException {
        MemoryDisk disk = kind.copy();
        setEntry(kind, disk, 1, Integer.decode(second));
        assertReason(Dirty.class, "marked in the file allocation table", disk);
    }

    @Test
    void theReservedBitsOfTheSecondEntryMeanNothingElse() throws IOException {
        MemoryDisk disk = Kind.FAT32.copy();
        setEntry(Kind.FAT32, disk, 1, 0xFFFFFFFF);
        assertEquals(read(Kind.FAT32.copy()), read(disk));
    }

    @ParameterizedTest
    @EnumSource
    void copiesThatDifferAreCorrupt(Kind kind) throws IOException {
        MemoryDisk disk = kind.copy();
        // A write that reached only one of the copies.
        disk.bytes()[fatAt(disk, 1) + 100] ^= 1;
        assertReason(Corrupt.class, "copy 2 differs from the first", disk);
    }

    @Test
    void reservedUpperBitsOfAFreeEntryDoNotMakeItUsed() throws IOException {
        MemoryDisk disk = Kind.FAT32.copy();
        FreeSpace before = assertInstanceOf(FreeSpace.class, read(disk));
        setEntry(Kind.FAT32, disk, find(Kind.FAT32, disk, 0, 0), 0xF0000000);
        assertEquals(before, read(disk));
    }

    @ParameterizedTest
    @EnumSource
    void badClustersAreNeitherFreeNorPartOfAChain(Kind kind) throws IOException {
        MemoryDisk disk = kind.copy();
        FreeSpace before = assertInstanceOf(FreeSpace.class, read(disk));
        setEntry(kind, disk, find(kind, disk, 0, 0), bad(kind));
        FreeSpace after = assertInstanceOf(FreeSpace.class, read(disk));
        assertEquals(clusterBytes(disk), before.freeBytes() - after.freeBytes());
        assertTrue(after.free().subtract(before.free()).isEmpty());

        disk = kind.copy();
        int inChain = find(kind, disk, 2, bad(kind) - 1);
        setEntry(kind, disk, entry(kind, disk, inChain), bad(kind));
        assertReason(Corrupt.class, "is free or bad, and another cluster names it", disk);
    }

    @ParameterizedTest
    @EnumSource
    void aChainIntoAFreeClusterIsCorrupt(Kind kind) throws IOException {
        MemoryDisk disk = kind.copy();
        setEntry(kind, disk, entry(kind, disk, find(kind, disk, 2, bad(kind) - 1)), 0);
        assertReason(Corrupt.class, "is free or bad, and another cluster names it", disk);
    }

    @ParameterizedTest
    @EnumSource
    void twoChainsThatMeetAreCorrupt(Kind kind) throws IOException {
        MemoryDisk disk = kind.copy();
        int first = find(kind, disk, 2, bad(kind) - 1);
        setEntry(kind, disk, find(kind, disk, bad(kind) + 1, end(kind)), entry(kind, disk, first));
        assertReason(Corrupt.class, "is the next of two other clusters", disk);
    }

    @ParameterizedTest
    @EnumSource
    void aNextClusterThatDoesNotExistIsCorrupt(Kind kind) throws IOException {
        MemoryDisk disk = kind.copy();
        int cluster = find(kind, disk, bad(kind) + 1, end(kind));
        setEntry(kind, disk, cluster, 1);
        assertReason(Corrupt.class, "has the next cluster 1", disk);
        setEntry(kind, disk, cluster, bad(kind) - 1);
        assertReason(Corrupt.class, "has the next cluster " + (bad(kind) - 1), disk);
    }

    @ParameterizedTest
    @EnumSource
    void anotherMediaTypeInTheTableIsCorrupt(Kind kind) throws IOException {
        MemoryDisk disk = kind.copy();
        setEntry(kind, disk, 0, (end(kind) & ~0xFF) | 0xF9);
        assertReason(Corrupt.class, "begins with media type 0xf9", disk);
    }

    @ParameterizedTest
    @EnumSource
    void aDirectoryThatTheTableCallsFreeIsCorrupt(Kind kind) throws IOException {
        MemoryDisk disk = kind.copy();
        int at = directoryEntry(disk);
        setEntry(kind, disk, firstCluster(disk, at), 0);
        assertReason(Corrupt.class, "\"DIR\" begins in cluster", disk);
    }

    @ParameterizedTest
    @EnumSource
    void twoEntriesForTheSameClustersAreCorrupt(Kind kind) throws IOException {
        MemoryDisk disk = kind.copy();
        int at = directoryEntry(disk);
        int own = firstCluster(disk, at);
        int inDirectory = clusterAt(disk, own);
        int other = inDirectory + 64;
        while (disk.bytes()[other + 0x0B] == 0x0F || (disk.bytes()[other] & 0xFF) == 0xE5) {
            other += 32;
        }
        disk.u16le(other + DIRECTORY_ENTRY_CLUSTER, own);
        assertReason(Corrupt.class, "which belongs to something else as well", disk);
    }

    @ParameterizedTest
    @EnumSource
    void aFileLongerThanItsChainIsCorrupt(Kind kind) throws IOException {
        MemoryDisk disk = kind.copy();
        int inDirectory = clusterAt(disk, firstCluster(disk, directoryEntry(disk)));
        int file = inDirectory;
        while ((disk.bytes()[file + 0x0B] & 0x1F) != 0
                || u32(disk, file + DIRECTORY_ENTRY_SIZE) == 0
                || (disk.bytes()[file] & 0xFF) == 0xE5) {
            file += 32;
        }
        disk.u32le(file + DIRECTORY_ENTRY_SIZE, u32(disk, file + DIRECTORY_ENTRY_SIZE) + clusterBytes(disk));
        assertReason(Corrupt.class, "clusters of", disk);
    }

    @ParameterizedTest
    @EnumSource
    void aFirstClusterThatDoesNotExistIsCorrupt(Kind kind) throws IOException {
        MemoryDisk disk = kind.copy();
        int at = directoryEntry(disk);
        disk.u16le(at + DIRECTORY_ENTRY_CLUSTER, 0xFFF0);
        if (kind == Kind.FAT32) {
            disk.u16le(at + DIRECTORY_ENTRY_CLUSTER_HIGH, 0x0FFF);
        }
        assertReason(Corrupt.class, "\"DIR\" begins in cluster", disk);
        disk.u16le(at + DIRECTORY_ENTRY_CLUSTER, 0).u16le(at + DIRECTORY_ENTRY_CLUSTER_HIGH, 0);
        assertReason(Corrupt.class, "\"DIR\" begins in cluster 0", disk);
    }

    @Test
    void onFat12AndFat16TheUpperHalfOfAClusterNumberIsSomethingElse() throws IOException {
        for (Kind kind : new Kind[] {Kind.FAT12, Kind.FAT16}) {
            MemoryDisk disk = kind.copy();
            disk.u16le(directoryEntry(disk) + DIRECTORY_ENTRY_CLUSTER_HIGH, 0x1234);
            assertInstanceOf(FreeSpace.class, read(disk));
        }
    }

    @Test
    void aRootDirectoryInAFreeClusterIsCorrupt() throws IOException {
        MemoryDisk disk = Kind.FAT32.copy();
        int free = find(Kind.FAT32, disk, 0, 0);
        disk.u32le(0x2C, free).u32le(6 * 512 + 0x2C, free);
        assertReason(Corrupt.class, "the root directory begins in cluster", disk);
    }

    @Test
    void aBackupOfAnotherVolumeIsCorrupt() throws IOException {
        MemoryDisk disk = Kind.FAT32.copy();
        disk.bytes()[6 * 512 + 0x0D] = 2;
        assertReason(Corrupt.class, "describes another volume", disk);
    }

    @Test
    void aBackupWithAnotherBootLoaderOrNoneIsNoMatter() throws IOException {
        FilesystemState clean = read(Kind.FAT32.copy());
        MemoryDisk disk = Kind.FAT32.copy();
        disk.put(6 * 512 + 0x100, 1, 2, 3).put(6 * 512 + 0x41, 1);
        assertEquals(clean, read(disk));
        disk.putBytes(6 * 512, new byte[512]);
        assertEquals(clean, read(disk));
    }

    @Test
    void oneActiveTableIsUnsupported() throws IOException {
        MemoryDisk disk = Kind.FAT32.copy();
        disk.u16le(0x28, 0x81).u16le(6 * 512 + 0x28, 0x81);
        assertReason(Unsupported.class, "only one of its file allocation tables is in use", disk);
    }

    @Test
    void aNewerVersionIsUnsupported() throws IOException {
        MemoryDisk disk = Kind.FAT32.copy();
        disk.u16le(0x2A, 0x100).u16le(6 * 512 + 0x2A, 0x100);
        assertReason(Unsupported.class, "unknown FAT32 version 1.0", disk);
    }

    @Test
    void moreThanFourCopiesAreUnsupported() throws IOException {
        MemoryDisk disk = Kind.FAT16.copy().put(0x10, 5);
        assertReason(Unsupported.class, "5 copies", disk);
    }

    @ParameterizedTest
    @ValueSource(ints = {4085, 4086})
    void aNumberOfClustersOnWhichDriversDisagreeIsAmbiguous(int clusters) throws IOException {
        MemoryDisk disk = Kind.FAT16.copy();
        int dataSectors = fatAt(disk, 2) / 512 + u16(disk, 0x11) / 16;
        disk.u16le(0x13, dataSectors + clusters * disk.bytes()[0x0D]);
        assertReason(Unsupported.class, "ambiguous: %d clusters".formatted(clusters), disk);
    }

    @Test
    void aNameThatIsNotOfItsTypeIsAmbiguous() throws IOException {
        assertReason(
                Unsupported.class,
                "ambiguous: calls itself FAT16",
                Kind.FAT12.copy().put(0x36, "FAT16   "));
        assertReason(
                Unsupported.class,
                "ambiguous: calls itself FAT12",
                Kind.FAT16.copy().put(0x36, "FAT12   "));
    }

    @Test
    void aTableTooSmallForItsClustersIsCorrupt() throws IOException {
        MemoryDisk disk = Kind.FAT16.copy().u16le(0x16, 5);
        assertReason(Corrupt.class, "is too small for", disk);
    }

    @Test
    void aVolumeCutShortIsCorrupt() throws IOException {
        for (Kind kind : Kind.values()) {
            assertReason(
                    Corrupt.class, "sectors of 512 bytes expected", kind.copy().resized(kind.sizeBytes - 1));
        }
    }

    @Test
    void twoDifferentLengthsAreCorrupt() throws IOException {
        MemoryDisk disk = Kind.FAT12.copy().u32le(0x20, 2881);
        assertReason(Corrupt.class, "two different lengths", disk);
    }

    @Test
    void aRootDirectoryWhereNoneBelongsIsCorrupt() throws IOException {
        assertReason(
                Corrupt.class,
                "a root directory of 16 entries",
                Kind.FAT32.copy().u16le(0x11, 16));
        assertReason(
                Corrupt.class,
                "a root directory of 0 entries",
                Kind.FAT16.copy().u16le(0x11, 0));
        assertReason(
                Corrupt.class,
                "a root directory of 17 entries",
                Kind.FAT16.copy().u16le(0x11, 17));
    }

    @Test
    void everyCopyIsCompared() throws IOException {
        MemoryDisk disk = Dosfstools.disk(directory, 4 << 20, "-F 12 -f 4", Content.EMPTY);
        assertInstanceOf(FreeSpace.class, read(disk.copy()));
        for (int copy = 1; copy < 4; copy++) {
            MemoryDisk half = disk.copy();
            half.bytes()[fatAt(half, copy) + 10] = 1;
            assertReason(Corrupt.class, "copy %d differs".formatted(copy + 1), half);
        }
    }

    @Test
    void theLabelIsThatOfTheRootDirectory() throws IOException {
        FilesystemReport report = new FatReader().read(Kind.FAT32.copy().put(0x47, "OLD LABEL  "));
        assertEquals("WIDE", report.identity().label());
        assertEquals(Kind.FAT32.sizeBytes, report.identity().totalBytes());
    }

    private static int clusterBytes(MemoryDisk disk) {
        return u16(disk, 0x0B) * disk.bytes()[0x0D];
    }

    private static int clusterAt(MemoryDisk disk, int cluster) {
        return fatAt(disk, 2) + u16(disk, 0x11) * 32 + (cluster - 2) * clusterBytes(disk);
    }
}
