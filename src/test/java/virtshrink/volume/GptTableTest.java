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
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ByteRange;
import virtshrink.block.MemoryDisk;

/** One field of a sound GPT changed at a time, checksums made right again. */
class GptTableTest {
    private static final int PRIMARY = GptDisks.PRIMARY;
    private static final int BACKUP = GptDisks.BACKUP;

    @Test
    void readsASoundTable() throws IOException {
        VolumeLayout.Table table =
                assertInstanceOf(VolumeLayout.Table.class, PartitionTables.read(GptDisks.usual(), 512));
        assertEquals("gpt", table.kind());
        assertEquals(
                List.of(
                        new ByteRange(64 * 512, 64 * 512),
                        new ByteRange(128 * 512, 128 * 512),
                        new ByteRange(256 * 512, 768 * 512)),
                table.volumes().stream().map(Volume::place).toList());
        assertEquals(
                List.of(1, 2, 5), table.volumes().stream().map(Volume::number).toList());
        assertEquals(
                "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F", table.volumes().get(2).type());
    }

    static Stream<Arguments> brokenFields() {
        return Stream.of(
                changed("GPT header at offset 520: revision 0x00010000 expected, 0x00020000 found", disk -> {
                    disk.u32le(PRIMARY + 8, 0x20000);
                }),
                changed("GPT header at offset 532: reserved field is not zero", disk -> disk.put(PRIMARY + 20, 1)),
                changed(
                        "GPT header at offset 536: own sector 1 expected, 2 found",
                        disk -> disk.u64le(PRIMARY + 24, 2)),
                changed("GPT header at offset 552: usable sectors 2015 to 2014 are none", disk -> {
                    disk.u64le(PRIMARY + 40, 2015);
                }),
                changed("GPT header at offset 552: 64-bit value out of range", disk -> disk.u64le(PRIMARY + 40, -1)),
                changed("GPT header at offset 560: last usable sector 2048 lies beyond the 2048 sectors", disk -> {
                    disk.u64le(PRIMARY + 48, 2048);
                }),
                changed("backup GPT header at offset 1048064: disagrees with the primary header", disk -> {
                    disk.u64le(PRIMARY + 40, 35);
                }),
                changed("backup GPT header at offset 1048064: disagrees with the primary header", disk -> {
                    disk.put(BACKUP + 56, 'A');
                }),
                changed("backup GPT header at offset 1048064: disagrees with the primary header", disk -> {
                    disk.u64le(BACKUP + 32, 2);
                }),
                changed("GPT header at offset 544: backup in sector 1 is not behind the last usable", disk -> {
                    disk.u64le(PRIMARY + 32, 1);
                }),
                changed("backup GPT header at offset 0: sector 2048 lies beyond the 2048 sectors", disk -> {
                    disk.u64le(PRIMARY + 32, 2048);
                }),
                changed("backup GPT header at offset 1047552: signature EFI PART expected", disk -> {
                    disk.u64le(PRIMARY + 32, 2046);
                }),
                changed("GPT header at offset 584: partition entries do not lie between header and first", disk -> {
                    disk.u64le(PRIMARY + 72, 1);
                }),
                changed("GPT header at offset 584: partition entries do not lie between header and first", disk -> {
                    disk.u64le(PRIMARY + 72, 3);
                }),
                changed("GPT header at offset 584: partition entries do not lie between header and first", disk -> {
                    disk.u64le(PRIMARY + 72, Long.MAX_VALUE);
                }),
                changed("backup GPT header at offset 1048136: partition entries do not lie between last", disk -> {
                    disk.u64le(BACKUP + 72, 2014);
                }),
                changed("GPT header at offset 592: 0 entries of 128 bytes are out of range", disk -> {
                    disk.u32le(PRIMARY + 80, 0);
                }),
                changed("GPT header at offset 592: 4294967295 entries of 128 bytes are out of range", disk -> {
                    disk.u32le(PRIMARY + 80, 0xFFFFFFFFL);
                }),
                changed("GPT header at offset 596: entry size of 128 times a power of two expected, 64 found", disk -> {
                    disk.u32le(PRIMARY + 84, 64);
                }),
                changed("GPT header at offset 596: entry size of 128 times a power of two expected, 384", disk -> {
                    disk.u32le(PRIMARY + 84, 384);
                }),
                changed("partition 1 has sectors 33 to 127, usable are 34 to 2014", disk -> first(disk, 33, 127)),
                changed("partition 1 has sectors 127 to 64, usable are 34 to 2014", disk -> first(disk, 127, 64)),
                changed("partition 1 has sectors 64 to 2015, usable are 34 to 2014", disk -> first(disk, 64, 2015)),
                changed("partition 1 has sectors 64 to -1, usable are 34 to 2014", disk -> first(disk, 64, -1)),
                changed("partition 2 overlaps partition 1", disk -> first(disk, 64, 128)),
                changed("partition 5 overlaps partition 1", disk -> first(disk, 600, 600)));
    }

    private static void first(MemoryDisk disk, long firstLba, long lastLba) {
        GptDisks.entry(disk, 1, "0FC63DAF-8483-4772-8E79-3D69D8477DE4", firstLba, lastLba);
    }

    private static Arguments changed(String reason, Consumer<MemoryDisk> change) {
        return Arguments.of(reason, change);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("brokenFields")
    void refusesTheWholeDiskForOneBrokenField(String reason, Consumer<MemoryDisk> change) throws IOException {
        MemoryDisk disk = GptDisks.usual();
        change.accept(disk);
        VolumeLayout.Refused refused = refused(GptDisks.repaired(disk));
        assertEquals("gpt", refused.kind());
        assertTrue(refused.reason().contains(reason), refused.reason());
    }

    @Test
    void checksEveryByteOfBothHeaders() throws IOException {
        for (int header : new int[] {PRIMARY, BACKUP}) {
            for (int at = header; at < header + 92; at++) {
                MemoryDisk disk = GptDisks.usual();
                disk.bytes()[at] ^= 0x10;
                assertInstanceOf(VolumeLayout.Refused.class, PartitionTables.read(disk, 512), "byte " + at);
            }
        }
    }

    @Test
    void checksBothEntryArraysToTheirEnd() throws IOException {
        MemoryDisk disk = GptDisks.usual();
        for (int array : new int[] {GptDisks.PRIMARY_ENTRIES, GptDisks.BACKUP_ENTRIES}) {
            for (int at = array; at < array + 128 * 128; at += 5) {
                disk.bytes()[at] ^= 1;
                assertInstanceOf(VolumeLayout.Refused.class, PartitionTables.read(disk, 512), "byte " + at);
                disk.bytes()[at] ^= 1;
            }
        }
        assertInstanceOf(VolumeLayout.Table.class, PartitionTables.read(disk, 512));
    }

    @Test
    void refusesBrokenChecksumsWithBothValues() throws IOException {
        MemoryDisk disk = GptDisks.usual();
        disk.put(PRIMARY + 56, 'A');
        assertTrue(refused(disk)
                .reason()
                .matches(".*GPT header at offset 528: checksum 0x\\w{8} expected, 0x\\w{8} found"));
        MemoryDisk other = GptDisks.usual();
        other.put(GptDisks.BACKUP_ENTRIES + 60, 1);
        assertTrue(refused(other).reason().contains("backup GPT partition entries at offset 1031680: checksum 0x"));
    }

    @Test
    void refusesHeaderSizesOutOfRange() throws IOException {
        for (int size : new int[] {0, 91, 513, -1}) {
            MemoryDisk disk = GptDisks.usual();
            disk.u32le(PRIMARY + 12, size);
            String expected =
                    "GPT header at offset 524: header size 92 to 512 expected, %d found".formatted(size & 0xFFFFFFFFL);
            assertTrue(refused(disk).reason().contains(expected));
        }
    }

    @Test
    void coversAnEnlargedHeaderByItsChecksum() throws IOException {
        MemoryDisk disk = GptDisks.usual();
        for (int header : new int[] {PRIMARY, BACKUP}) {
            disk.u32le(header + 12, 512);
            GptDisks.repairHeader(disk, header, 512);
        }
        assertInstanceOf(VolumeLayout.Table.class, PartitionTables.read(disk, 512));
        disk.put(PRIMARY + 500, 1);
        assertTrue(refused(disk).reason().contains("checksum"));
    }

    @Test
    void findsTheBackupOfADiskThatWasEnlarged() throws IOException {
        MemoryDisk disk = GptDisks.usual().resized(3 * GptDisks.SIZE_BYTES);
        assertInstanceOf(VolumeLayout.Table.class, PartitionTables.read(disk, 512));
    }

    @Test
    void refusesADiskThatWasCutShort() throws IOException {
        assertTrue(refused(GptDisks.usual().resized(GptDisks.SIZE_BYTES - 512))
                .reason()
                .contains("sector 2047 lies beyond the 2047 sectors of the disk"));
    }

    @Test
    void refusesABrokenPrimaryEvenIfTheBackupIsSound() throws IOException {
        MemoryDisk disk = GptDisks.usual().put(PRIMARY, new int[512]);
        assertEquals(
                "protective MBR without a GPT header behind it", refused(disk).reason());
    }

    @Test
    void saysWhenTheTableCountsInOtherSectors() throws IOException {
        assertTrue(refused(GptDisks.usual(), 4096)
                .reason()
                .startsWith("GPT written for sectors of 512 bytes, read with 4096"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5",
                "77FF5F63-E7B6-4633-ACF4-1565B864C0E6",
                "41092B05-9FC8-4523-994F-2DEF0408B176",
                "3CB8E202-3B7E-47DD-8A3C-7FF2A13CFCEC",
                "5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6"
            })
    void refusesDisksWithDmVerityPartitions(String type) throws IOException {
        assertTrue(refused(withThirdPartition(type)).reason().matches("partition 3 .*dm-verity.*"));
    }

    @Test
    void refusesDynamicDisksAndStorageSpaces() throws IOException {
        assertEquals(
                "partition 3 belongs to Windows dynamic disks (LDM)",
                refused(withThirdPartition("5808C8AA-7E8F-42E0-85D2-E1E90434CFB3"))
                        .reason());
        assertEquals(
                "partition 3 belongs to Windows Storage Spaces",
                refused(withThirdPartition("E75CAF8F-F680-4CEE-AFA3-B001E56EFC2D"))
                        .reason());
    }

    @Test
    void knowsPartitionsWithoutFilesystem() throws IOException {
        VolumeLayout.Table table = assertInstanceOf(
                VolumeLayout.Table.class,
                PartitionTables.read(withThirdPartition("21686148-6449-6E6F-744E-656564454649"), 512));
        assertEquals("BIOS boot partition", table.volumes().get(3).purpose().orElseThrow());
    }

    private static MemoryDisk withThirdPartition(String type) {
        MemoryDisk disk = GptDisks.usual();
        GptDisks.entry(disk, 3, type, 1100, 1200);
        return GptDisks.repaired(disk);
    }

    private static VolumeLayout.Refused refused(MemoryDisk disk) throws IOException {
        return refused(disk, 512);
    }

    private static VolumeLayout.Refused refused(MemoryDisk disk, int sectorBytes) throws IOException {
        return assertInstanceOf(VolumeLayout.Refused.class, PartitionTables.read(disk, sectorBytes));
    }
}
