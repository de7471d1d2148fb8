package virtshrink.volume;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.ByteRange;
import virtshrink.block.MemoryDisk;

class MbrTableTest {
    private static final int SIZE_BYTES = 1 << 20;
    private static final int EXTENDED = 512;
    private static final int SECOND = 1024;
    private static final int THIRD = 1536;

    /** Primaries 1 and 2, an extended partition in slot 3 with three logical ones. */
    private static MemoryDisk usual() {
        MemoryDisk disk = new MemoryDisk(SIZE_BYTES);
        entry(disk, 0, 0, 0x83, 64, 64);
        entry(disk, 0, 1, 0x07, 128, 64);
        entry(disk, 0, 2, 0x05, EXTENDED, 1536);
        entry(disk, EXTENDED, 0, 0x83, 2, 100);
        entry(disk, EXTENDED, 1, 0x05, SECOND - EXTENDED, 300);
        entry(disk, SECOND, 0, 0x82, 1, 200);
        entry(disk, SECOND, 1, 0x05, THIRD - EXTENDED, 300);
        entry(disk, THIRD, 0, 0x8E, 1, 511);
        return disk;
    }

    private static void entry(MemoryDisk disk, int recordLba, int index, int type, long start, long sectors) {
        int at = recordLba * 512 + 446 + 16 * index;
        disk.put(at, 0, 0, 0, 0, type, 0, 0, 0)
                .u32le(at + 8, start)
                .u32le(at + 12, sectors)
                .u16le(recordLba * 512 + 510, 0xAA55);
    }

    private static void bootIndicator(MemoryDisk disk, int recordLba, int index, int value) {
        disk.put(recordLba * 512 + 446 + 16 * index, value);
    }

    @Test
    void numbersLogicalPartitionsFromFive() throws IOException {
        VolumeLayout.Table table = assertInstanceOf(VolumeLayout.Table.class, PartitionTables.read(usual(), 512));
        assertEquals("mbr", table.kind());
        assertEquals(
                List.of(
                        "1 0x83 32768+32768",
                        "2 0x07 65536+32768",
                        "5 0x83 263168+51200",
                        "6 0x82 524800+102400",
                        "7 0x8E 786944+261632"),
                table.volumes().stream().map(MbrTableTest::text).toList());
    }

    @Test
    void ordersVolumesByPlace() throws IOException {
        MemoryDisk disk = new MemoryDisk(SIZE_BYTES);
        entry(disk, 0, 0, 0x83, 1000, 100);
        entry(disk, 0, 3, 0x83, 100, 100);
        VolumeLayout.Table table = assertInstanceOf(VolumeLayout.Table.class, PartitionTables.read(disk, 512));
        assertEquals(List.of(4, 1), table.volumes().stream().map(Volume::number).toList());
    }

    @Test
    void acceptsAnExtendedPartitionWithoutLogicalOnes() throws IOException {
        MemoryDisk disk = usual().put(EXTENDED * 512 + 446, new int[64]);
        VolumeLayout.Table table = assertInstanceOf(VolumeLayout.Table.class, PartitionTables.read(disk, 512));
        assertEquals(2, table.volumes().size());
    }

    @Test
    void acceptsLinksThatLeadBackwards() throws IOException {
        MemoryDisk disk = usual();
        entry(disk, EXTENDED, 1, 0x05, THIRD - EXTENDED, 300);
        entry(disk, THIRD, 1, 0x05, SECOND - EXTENDED, 300);
        disk.put(SECOND * 512 + 446 + 16, new int[16]);
        VolumeLayout.Table table = assertInstanceOf(VolumeLayout.Table.class, PartitionTables.read(disk, 512));
        assertEquals(
                List.of(1, 2, 5, 7, 6),
                table.volumes().stream().map(Volume::number).toList());
    }

    static Stream<Arguments> brokenFields() {
        return Stream.of(
                changed("offset 0: partition 1 overlaps the partition table", disk -> entry(disk, 0, 0, 0x83, 0, 10)),
                changed(
                        "partition 1 has sectors 64 to 2048, the disk has 2048",
                        disk -> entry(disk, 0, 0, 0x83, 64, 1985)),
                changed("partition 1 has sectors 4294967295 to 8589934589", disk -> {
                    entry(disk, 0, 0, 0x83, 0xFFFFFFFFL, 0xFFFFFFFFL);
                }),
                changed("offset 65536: partition 2 overlaps partition 1", disk -> entry(disk, 0, 0, 0x83, 64, 65)),
                changed("offset 32256: partition 2 overlaps partition 1", disk -> entry(disk, 0, 1, 0x83, 63, 1000)),
                changed("partition 4 overlaps partition 3", disk -> entry(disk, 0, 3, 0x83, 600, 10)),
                changed("a second extended partition", disk -> {
                    entry(disk, 0, 0, 0x0F, 64, 64);
                }),
                changed("offset 262144: an extended boot record lacks its signature", disk -> {
                    disk.u16le(EXTENDED * 512 + 510, 0);
                }),
                changed("offset 524288: an extended boot record lacks its signature", disk -> {
                    disk.u16le(SECOND * 512 + 510, 0xAA54);
                }),
                changed("the chain of extended boot records is a loop", disk -> {
                    entry(disk, THIRD, 1, 0x05, SECOND - EXTENDED, 300);
                }),
                changed("the chain of extended boot records is a loop", disk -> entry(disk, EXTENDED, 1, 0x05, 0, 300)),
                changed("an extended boot record leaves the extended partition", disk -> {
                    entry(disk, EXTENDED, 1, 0x05, 1536, 300);
                }),
                changed("logical partition 5 leaves the extended partition", disk -> {
                    entry(disk, 0, 2, 0x05, EXTENDED, 1500);
                    disk.put(THIRD * 512 + 446, new int[16]);
                    disk.put(SECOND * 512 + 446 + 16, new int[16]);
                    entry(disk, EXTENDED, 0, 0x83, 1490, 11);
                }),
                changed("logical partition 6 overlaps logical partition 5", disk -> {
                    entry(disk, EXTENDED, 0, 0x83, 700, 100);
                }),
                changed(
                        "logical partition 6 overlaps an extended boot record",
                        disk -> entry(disk, SECOND, 0, 0x83, 0, 9)),
                changed("more than one partition and one link", disk -> entry(disk, SECOND, 2, 0x83, 220, 9)),
                changed("more than one partition and one link", disk -> entry(disk, SECOND, 1, 0x83, 220, 9)),
                changed("more than one partition and one link", disk -> entry(disk, SECOND, 0, 0x85, 220, 9)),
                changed("more than one partition and one link", disk -> bootIndicator(disk, SECOND, 1, 7)),
                changed("Windows dynamic disk (LDM, partition type 0x42)", disk -> entry(disk, 0, 0, 0x42, 64, 64)));
    }

    private static Arguments changed(String reason, Consumer<MemoryDisk> change) {
        return Arguments.of(reason, change);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("brokenFields")
    void refusesTheWholeDiskForOneBrokenField(String reason, Consumer<MemoryDisk> change) throws IOException {
        MemoryDisk disk = usual();
        change.accept(disk);
        VolumeLayout.Refused refused = assertInstanceOf(VolumeLayout.Refused.class, PartitionTables.read(disk, 512));
        assertEquals("mbr", refused.kind());
        assertTrue(refused.reason().contains(reason), refused.reason());
    }

    @Test
    void boundsTheNumberOfExtendedBootRecords() throws IOException {
        MemoryDisk disk = new MemoryDisk(SIZE_BYTES);
        entry(disk, 0, 0, 0x05, 1, 2000);
        for (int lba = 1; lba < 1000; lba++) {
            entry(disk, lba, 1, 0x05, lba, 1);
        }
        VolumeLayout.Refused refused = assertInstanceOf(VolumeLayout.Refused.class, PartitionTables.read(disk, 512));
        assertTrue(refused.reason().contains("more than 251 extended boot records"), refused.reason());
    }

    @Test
    void ignoresAGptBehindARealMbrAsStale() throws IOException {
        MemoryDisk disk = GptDisks.usual();
        entry(disk, 0, 0, 0x83, 64, 1000);
        VolumeLayout.Table table = assertInstanceOf(VolumeLayout.Table.class, PartitionTables.read(disk, 512));
        assertEquals("mbr", table.kind());
        assertEquals(new ByteRange(64 * 512, 1000 * 512), table.volumes().get(0).place());
    }

    @Test
    void refusesAHybridMbr() throws IOException {
        MemoryDisk disk = GptDisks.usual();
        entry(disk, 0, 1, 0x83, 64, 64);
        VolumeLayout.Refused refused = assertInstanceOf(VolumeLayout.Refused.class, PartitionTables.read(disk, 512));
        assertTrue(refused.reason().startsWith("hybrid MBR"), refused.reason());
    }

    @Test
    void refusesAProtectivePartitionThatDoesNotBeginAtTheHeader() throws IOException {
        MemoryDisk disk = GptDisks.usual().u32le(454, 2);
        assertInstanceOf(VolumeLayout.Refused.class, PartitionTables.read(disk, 512));
    }

    @Test
    void refusesAGptWithoutAnyMbr() throws IOException {
        MemoryDisk disk = GptDisks.usual().put(0, new int[512]);
        VolumeLayout.Refused refused = assertInstanceOf(VolumeLayout.Refused.class, PartitionTables.read(disk, 512));
        assertEquals("GPT header without a protective MBR before it", refused.reason());
    }

    @Test
    void takesABootSectorWithoutPartitionsForAnEmptyTable() throws IOException {
        MemoryDisk disk = new MemoryDisk(SIZE_BYTES).u16le(510, 0xAA55);
        assertEquals(new VolumeLayout.Table("mbr", List.of()), PartitionTables.read(disk, 512));
    }

    @Test
    void takesCodeInPlaceOfTheTableForNoTable() throws IOException {
        MemoryDisk disk = usual();
        bootIndicator(disk, 0, 3, 0x55);
        assertEquals(new VolumeLayout.None(), PartitionTables.read(disk, 512));
    }

    @Test
    void findsNoTableOnDisksTooSmallForOne() throws IOException {
        for (int size : new int[] {0, 1, 511}) {
            assertEquals(new VolumeLayout.None(), PartitionTables.read(new MemoryDisk(size), 512));
        }
        assertEquals(new VolumeLayout.None(), PartitionTables.read(new MemoryDisk(4095), 4096));
        assertEquals(new VolumeLayout.None(), PartitionTables.read(new MemoryDisk(512), 512));
    }

    @Test
    void refusesWhatIsBothATableAndAFatBootSector() throws IOException {
        MemoryDisk disk = usual().put(0, 0xEB, 0x3C, 0x90).put(3, "mkfs.fat");
        disk.u16le(11, 512).put(13, 4, 1, 0, 2, 0, 2, 0, 8, 0xF8, 2, 0);
        VolumeLayout.Refused refused = assertInstanceOf(VolumeLayout.Refused.class, PartitionTables.read(disk, 512));
        assertEquals("the first sector is both a partition table and a filesystem's boot sector", refused.reason());
        disk.put(446, new int[64]);
        assertEquals(new VolumeLayout.None(), PartitionTables.read(disk, 512));
    }

    static Stream<Arguments> foreignTables() {
        return Stream.of(
                Arguments.of("mac", (Consumer<MemoryDisk>)
                        disk -> disk.put(0, "ER").put(2, 2, 0).put(512, "PM")),
                Arguments.of("mac", (Consumer<MemoryDisk>)
                        disk -> disk.put(0, "ER").put(2, 8, 0).put(2048, "PM")),
                Arguments.of(
                        "mac", (Consumer<MemoryDisk>) disk -> disk.put(0, "ER").put(2, 0x40, 0)),
                Arguments.of("bsd", (Consumer<MemoryDisk>)
                        disk -> disk.u32le(512, 0x82564557L).u32le(644, 0x82564557L)),
                Arguments.of("sun", (Consumer<MemoryDisk>) disk -> disk.put(508, 0xDA, 0xBE, 0xDA, 0xBE)),
                Arguments.of("sgi", (Consumer<MemoryDisk>) disk -> disk.u32be(0, 0x0BE5A941L)),
                Arguments.of("aix", (Consumer<MemoryDisk>) disk -> disk.u32be(0, 0xC9C2D4C1L)),
                Arguments.of("amiga", (Consumer<MemoryDisk>) disk -> disk.put(1024, "RDSK")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("foreignTables")
    void refusesPartitionTablesOfOtherSystems(String kind, Consumer<MemoryDisk> change) throws IOException {
        MemoryDisk disk = new MemoryDisk(SIZE_BYTES);
        change.accept(disk);
        assertEquals(
                new VolumeLayout.Refused(kind, "partition table of kind " + kind + " is not supported"),
                PartitionTables.read(disk, 512));
    }

    private static String text(Volume volume) {
        return "%d %s %d+%d"
                .formatted(
                        volume.number(),
                        volume.type(),
                        volume.place().startBytes(),
                        volume.place().lengthBytes());
    }
}
