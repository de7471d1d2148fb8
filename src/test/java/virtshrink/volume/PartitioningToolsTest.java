package virtshrink.volume;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.ExternalTool;
import virtshrink.block.FileBlockSource;

/** Tables that real tools write are read as {@code sfdisk --json} reads them. */
class PartitioningToolsTest {
    private static final long SIZE_BYTES = 64 << 20;

    @TempDir
    Path directory;

    /** Few, because these tools sync all disks of the host each time. */
    static Stream<Arguments> tables() {
        return Stream.concat(
                tablesOfAnySectorSize(),
                Stream.of(
                        sfdisk("mbr", "label: dos", ",10M,L", ",10M,S", ",5M,7", ",,L"),
                        sfdisk("mbr", "label: dos", "start=63,size=1000,type=83", "start=1063,size=7777,type=82"),
                        sfdisk("mbr", "label: dos"),
                        sfdisk("gpt", "label: gpt", "table-length: 256", ",10M,L", ",,L"),
                        sfdisk("gpt", "label: gpt", "table-length: 4", "first-lba: 64", ",10M,L", ",,L"),
                        sfdisk("gpt", "label: gpt"),
                        tool(
                                "gpt",
                                "gdisk",
                                "sgdisk",
                                "-a",
                                "1",
                                "-n",
                                "3:34:99",
                                "-n",
                                "1:100:200",
                                "-n",
                                "128:0:0",
                                "IMAGE"),
                        tool("gpt", "gdisk", "sgdisk", "-S", "512", "-j", "40", "-n", "500:0:0", "IMAGE"),
                        tool(
                                "mbr",
                                "parted",
                                "parted",
                                "-s",
                                "IMAGE",
                                "mklabel",
                                "msdos",
                                "mkpart",
                                "extended",
                                "9MiB",
                                "100%")));
    }

    static Stream<Arguments> tablesOfAnySectorSize() {
        return Stream.of(
                sfdisk("mbr", "label: dos", ",10M,L,*", ",,E", ",10M,L", ",5M,S", ",5M,L", ",,L"),
                sfdisk("gpt", "label: gpt", ",10M,L", ",10M,S", ",1M,21686148-6449-6E6F-744E-656564454649", ",,U"),
                tool(
                        "gpt",
                        "parted",
                        "parted",
                        "-s",
                        "IMAGE",
                        "mklabel",
                        "gpt",
                        "mkpart",
                        "a",
                        "1MiB",
                        "9MiB",
                        "mkpart",
                        "b",
                        "9MiB",
                        "100%",
                        "disk_set",
                        "pmbr_boot",
                        "on"),
                tool(
                        "mbr",
                        "parted",
                        "parted",
                        "-s",
                        "IMAGE",
                        "mklabel",
                        "msdos",
                        "mkpart",
                        "primary",
                        "1MiB",
                        "9MiB",
                        "mkpart",
                        "extended",
                        "9MiB",
                        "100%",
                        "mkpart",
                        "logical",
                        "10MiB",
                        "20MiB",
                        "mkpart",
                        "logical",
                        "30MiB",
                        "40MiB",
                        "mkpart",
                        "logical",
                        "21MiB",
                        "29MiB"));
    }

    private static Arguments sfdisk(String kind, String... script) {
        return Arguments.of(kind, "fdisk", String.join("\n", script) + "\n", List.of("sfdisk", "-q", "IMAGE"));
    }

    private static Arguments tool(String kind, String debianPackage, String... command) {
        return Arguments.of(kind, debianPackage, "", List.of(command));
    }

    @ParameterizedTest(name = "{3} {2}")
    @MethodSource("tables")
    void readsWhatToolsWriteAsSfdiskDoes(String kind, String debianPackage, String input, List<String> command)
            throws IOException {
        Path image = ExternalTool.sparse(directory.resolve("image"), SIZE_BYTES);
        partition(debianPackage, input, command, image.toString());
        assertReadAsBySfdisk(kind, image, image.toString(), 512);
    }

    @ParameterizedTest(name = "{3} {2}")
    @MethodSource("tablesOfAnySectorSize")
    void readsTablesOfDisksWithSectorsOf4096Bytes(String kind, String debianPackage, String input, List<String> command)
            throws IOException {
        ExternalTool.assumeRoot();
        ExternalTool.assume("losetup", "mount");
        Path image = ExternalTool.sparse(directory.resolve("image"), 4 * SIZE_BYTES);
        String loop = ExternalTool.run("losetup", "-f", "--show", "-b", "4096", image.toString())
                .strip();
        try {
            partition(debianPackage, input, command, loop);
            assertReadAsBySfdisk(kind, image, loop, 4096);
        } finally {
            ExternalTool.run("losetup", "-d", loop);
        }
    }

    private static void partition(String debianPackage, String input, List<String> command, String image)
            throws IOException {
        ExternalTool.assume(command.get(0), debianPackage);
        String[] words = command.stream()
                .map(word -> word.equals("IMAGE") ? image : word)
                .toArray(String[]::new);
        ExternalTool.Result result = ExternalTool.attempt(input, words);
        // Kernels without partition scanning on loop devices let the tools write and then complain.
        assertTrue(
                result.exitCode() == 0
                        || result.output().contains("re-read")
                        || result.output().contains("inform the"),
                result.output());
    }

    private static void assertReadAsBySfdisk(String kind, Path image, String device, int sectorBytes)
            throws IOException {
        String output = ExternalTool.run("sfdisk", "--json", device).replaceAll("\\s", "");
        String json = output.substring(output.indexOf('{'));
        assertTrue(json.contains("\"label\":\"" + (kind.equals("mbr") ? "dos" : kind)), json);
        List<String> expected = new ArrayList<>();
        Matcher row = Pattern.compile("\"node\":\"([^\"]+)\",\"start\":(\\d+),\"size\":(\\d+),\"type\":\"([^\"]+)\"")
                .matcher(json);
        while (row.find()) {
            boolean container = List.of("5", "f", "85").contains(row.group(4));
            if (!container) {
                String number = row.group(1).substring(device.length()).replace("p", "");
                expected.add("%s %d %d"
                        .formatted(
                                number,
                                Long.parseLong(row.group(2)) * sectorBytes,
                                Long.parseLong(row.group(3)) * sectorBytes));
            }
        }
        try (FileBlockSource disk = FileBlockSource.open(image)) {
            VolumeLayout layout = PartitionTables.read(disk, sectorBytes);
            VolumeLayout.Table table = assertInstanceOf(VolumeLayout.Table.class, layout, layout::toString);
            assertEquals(kind, table.kind());
            assertEquals(
                    expected.stream().sorted().toList(),
                    table.volumes().stream()
                            .map(volume -> "%d %d %d"
                                    .formatted(
                                            volume.number(),
                                            volume.place().startBytes(),
                                            volume.place().lengthBytes()))
                            .sorted()
                            .toList());
        }
    }

    @Test
    void refusesAHybridMbrThatSgdiskMade() throws IOException {
        ExternalTool.assume("sgdisk", "gdisk");
        Path image = ExternalTool.sparse(directory.resolve("image"), SIZE_BYTES);
        ExternalTool.run("sgdisk", "-n", "1:0:+1M", "-n", "2:0:0", "-h", "1", image.toString());
        try (FileBlockSource disk = FileBlockSource.open(image)) {
            VolumeLayout.Refused refused =
                    assertInstanceOf(VolumeLayout.Refused.class, PartitionTables.read(disk, 512));
            assertTrue(refused.reason().startsWith("hybrid MBR"), refused.reason());
        }
    }

    @Test
    void readsAnEnlargedDiskBeforeAndAfterItsBackupMoved() throws IOException {
        ExternalTool.assume("sgdisk", "gdisk");
        Path image = ExternalTool.sparse(directory.resolve("image"), SIZE_BYTES);
        ExternalTool.run("sgdisk", "-n", "1:0:0", image.toString());
        ExternalTool.sparse(image, 2 * SIZE_BYTES);
        assertReadAsBySfdisk("gpt", image, image.toString(), 512);
        ExternalTool.run("sgdisk", "-e", image.toString());
        assertReadAsBySfdisk("gpt", image, image.toString(), 512);
    }

    @ParameterizedTest
    @MethodSource("bootSectors")
    void takesBootSectorsOfFilesystemsForNoTable(String debianPackage, List<String> command) throws IOException {
        Path image = ExternalTool.sparse(directory.resolve("image"), SIZE_BYTES);
        partition(debianPackage, "", command, image.toString());
        try (FileBlockSource disk = FileBlockSource.open(image)) {
            assertEquals(new VolumeLayout.None(), PartitionTables.read(disk, 512));
        }
    }

    static Stream<Arguments> bootSectors() {
        return Stream.of(
                Arguments.of("ntfs-3g", List.of("mkfs.ntfs", "-F", "-q", "-f", "IMAGE")),
                Arguments.of("dosfstools", List.of("mkfs.vfat", "-F", "16", "IMAGE")),
                Arguments.of("dosfstools", List.of("mkfs.vfat", "-F", "32", "IMAGE")),
                Arguments.of("dosfstools", List.of("mkfs.vfat", "-F", "32", "-f", "1", "-S", "2048", "IMAGE")),
                Arguments.of("exfatprogs", List.of("mkfs.exfat", "IMAGE")),
                Arguments.of("mtools", List.of("mformat", "-i", "IMAGE", "-t", "64", "-h", "16", "-s", "63", "::")),
                Arguments.of(
                        "mtools", List.of("mformat", "-i", "IMAGE", "-F", "-t", "130", "-h", "16", "-s", "63", "::")),
                Arguments.of("e2fsprogs", List.of("mke2fs", "-q", "-F", "IMAGE")));
    }
}
