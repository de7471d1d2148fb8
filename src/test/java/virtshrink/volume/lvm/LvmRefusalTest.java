package virtshrink.volume.lvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.BlockSource;
import virtshrink.block.FileBlockSource;

/** Volume groups of which nothing, or not everything, can be proven. */
class LvmRefusalTest {
    private static final long MIB = 1 << 20;
    private static final String CREATE = "lvcreate -an -Zn -Wn ";

    @TempDir
    Path directory;

    private LvmHost host;

    @BeforeEach
    void start() throws IOException {
        host = new LvmHost(directory.resolve("host"));
        host.add(64 * MIB);
        host.add(64 * MIB);
    }

    @AfterEach
    void stop() throws IOException {
        host.close();
    }

    private void run(String... commands) throws IOException {
        for (String command : commands) {
            host.lvm(command);
        }
    }

    private static LvmLayout read(Path... files) throws IOException {
        List<FileBlockSource> open = new ArrayList<>();
        try {
            for (Path file : files) {
                open.add(FileBlockSource.open(file));
            }
            List<BlockSource> sources = new ArrayList<>(open);
            return LvmVolumes.read(sources);
        } finally {
            for (FileBlockSource file : open) {
                file.close();
            }
        }
    }

    private LvmLayout both() throws IOException {
        return read(host.file(0), host.file(1));
    }

    private static void assertAllLeftAlone(String reason, LvmLayout layout) {
        assertEquals(List.of(), layout.logicalVolumes());
        for (LvmLayout.PhysicalVolume volume : layout.physicalVolumes()) {
            assertTrue(volume.leftAlone().isPresent() && volume.free().isEmpty(), volume::toString);
        }
        assertTrue(
                layout.physicalVolumes().stream()
                        .anyMatch(volume ->
                                volume.leftAlone().orElseThrow().reason().contains(reason)),
                layout::toString);
    }

    @Test
    void anExportedGroup() throws IOException {
        run("vgcreate vg @0 @1", CREATE + "-l 3 -n a vg", "vgexport vg");
        assertAllLeftAlone("exported", both());
    }

    @Test
    void aSharedGroup() throws IOException {
        run("vgcreate vg @0 @1", CREATE + "-l 3 -n a vg");
        replace(0, "max_lv = 0\n", "max_lv = 0\nlock_type = \"dlm\"\n");
        assertAllLeftAlone("shared", read(host.file(0)));
    }

    @Test
    void aPhysicalVolumeOfNoGroup() throws IOException {
        run("pvcreate @0 @1");
        assertAllLeftAlone("of no volume group", both());
    }

    @Test
    void aGroupThatWasChangedWhileADiskWasAway() throws IOException {
        run("vgcreate vg @0 @1", CREATE + "-l 3 -n a vg @0");
        host.hide(1);
        run("vgreduce --removemissing vg", CREATE + "-l 1 -n b vg");
        host.unhide();
        assertAllLeftAlone("differ (versions ", both());
        assertEquals(1, read(host.file(0)).physicalVolumes().get(0).free().size());
    }

    @Test
    void twoGroupsOfOneName() throws IOException {
        run("vgcreate vg @0");
        host.hide(0);
        run("vgcreate vg @1");
        host.unhide();
        assertAllLeftAlone("two volume groups have the name vg", both());
    }

    @Test
    void aCloneBesideTheOriginal() throws IOException {
        run("vgcreate vg @0", CREATE + "-l 3 -n a vg");
        Path clone = Files.copy(host.file(0), directory.resolve("clone"));
        assertAllLeftAlone("there twice", read(host.file(0), clone));
    }

    @Test
    void aCopyOfOneOfTwoThatWasNotWrittenWithTheOther() throws IOException {
        run("vgcreate vg @0 @1", CREATE + "-l 3 -n a vg @0");
        Path before = Files.copy(host.file(1), directory.resolve("before"));
        run(CREATE + "-l 3 -n b vg @1");
        assertAllLeftAlone("differ (versions 2 and 3)", read(host.file(0), before));
    }

    @Test
    void aPartitionThatWasMadeSmaller() throws IOException {
        run("vgcreate vg @0", CREATE + "-l 3 -n a vg");
        try (RandomAccessFile file = new RandomAccessFile(host.file(0).toFile(), "rw")) {
            file.setLength(60 * MIB);
        }
        assertAllLeftAlone("is larger than its partition or disk", read(host.file(0)));
    }

    @Test
    void aVolumeOnAMissingDiskAndNothingElse() throws IOException {
        run(
                "vgcreate vg @0 @1",
                CREATE + "-l 3 -n here vg @0",
                CREATE + "-l 3 -n there vg @1",
                CREATE + "-l 20 -n both vg");
        LvmLayout layout = read(host.file(0));
        List<String> found = new ArrayList<>();
        for (LvmLayout.LogicalVolume volume : layout.logicalVolumes()) {
            found.add("%s %d %s"
                    .formatted(
                            volume.name(),
                            volume.firstAreas().size(),
                            volume.leftAlone()
                                    .map(LeftAlone::reason)
                                    .orElse("")
                                    .replaceFirst(" the physical volume .*", "")));
        }
        assertEquals(
                List.of("here 1 ", "there 0 it reaches to another disk:", "both 1 it reaches to another disk:"), found);
        assertEquals(
                Long.toString(layout.physicalVolumes().get(0).free().totalBytes()),
                host.report("pvs -o pv_free,pv_name @0").get(0).split("\\|", -1)[0]);
    }

    @Test
    void aChangeThatWasNotFinished() throws IOException {
        run("vgcreate vg @0", CREATE + "-l 3 -n a vg");
        try (RandomAccessFile file = new RandomAccessFile(host.file(0).toFile(), "rw")) {
            MetadataSeal.header(file, 4096, header -> header.putLong(64, 0x800).putLong(72, 100));
        }
        assertAllLeftAlone("begun and is not finished", read(host.file(0)));
    }

    @Test
    void aMetadataAreaThatSaysNothing() throws IOException {
        run("pvcreate --pvmetadatacopies 2 @0", "vgcreate vg @0", CREATE + "-l 3 -n a vg");
        try (RandomAccessFile file = new RandomAccessFile(host.file(0).toFile(), "rw")) {
            MetadataSeal.header(file, 4096, header -> header.putLong(40, 0).putLong(48, 0));
        }
        assertAllLeftAlone("is empty", read(host.file(0)));
    }

    @Test
    void anUnknownTypeThatTakesOfAPhysicalVolume() throws IOException {
        run("vgcreate vg @0", CREATE + "-l 3 -n a vg");
        replace(0, "type = \"striped\"", "type = \"novelty\"");
        assertAllLeftAlone("in a way that is not known", read(host.file(0)));
    }

    @Test
    void anUnknownStatus() throws IOException {
        run("vgcreate vg @0", CREATE + "-l 3 -n a vg");
        replace(0, "status = [\"RESIZEABLE\", ", "status = [\"RESIZEABLF\", ");
        assertAllLeftAlone("RESIZEABLF", read(host.file(0)));
    }

    @Test
    void extentsThatBelongToTwo() throws IOException {
        run("vgcreate vg @0", CREATE + "-l 3 -n a vg", CREATE + "-l 3 -n b vg");
        replace(0, "\"pv0\", 3\n", "\"pv0\", 2\n");
        assertAllLeftAlone("extent 2 belongs to two segments", read(host.file(0)));
    }

    @Test
    void extentsThatAreNotThere() throws IOException {
        run("vgcreate vg @0", CREATE + "-l 3 -n a vg", CREATE + "-l 3 -n b vg");
        replace(0, "\"pv0\", 3\n", "\"pv0\", 9\n");
        replace(0, "pe_count = 15", "pe_count = 11");
        assertAllLeftAlone("extent 11 of 11 is in use", read(host.file(0)));
    }

    @Test
    void extentsWithinTheMetadata() throws IOException {
        run("vgcreate vg @0", CREATE + "-l 3 -n a vg");
        replace(0, "pe_start = 2048", "pe_start = 1024");
        assertAllLeftAlone("disagree where its extents begin", read(host.file(0)));
    }

    /** Changes words of the text in force and seals it again. */
    private void replace(int device, String from, String to) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(host.file(device).toFile(), "rw")) {
            MetadataSeal.text(file, 4096, text -> {
                assertTrue(text.contains(from), text);
                return text.replace(from, to);
            });
        }
    }
}
