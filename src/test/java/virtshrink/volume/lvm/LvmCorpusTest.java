package virtshrink.volume.lvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.Corpus;

/** Physical volumes that other hands made. */
class LvmCorpusTest {
    private static final Pattern FACTS = Pattern.compile("vg (\\S+) lvs=(\\S*) seqno=\\d+ pe_start=(\\d+)");

    @TempDir
    Path directory;

    static List<Arguments> rows() throws IOException {
        return Corpus.rows("LVM2_member");
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rows")
    void agreesWithTheIndex(String name, Corpus.Row row) throws IOException {
        Corpus.assume();
        Path image = Corpus.unpack(row, directory);
        try (FileBlockSource disk = FileBlockSource.open(image)) {
            LvmLayout layout = LvmVolumes.read(List.of(disk.slice(row.placeWithin(disk))));
            LvmLayout.PhysicalVolume volume = layout.physicalVolumes().get(0);
            if (!row.get("verdict").equals("metadata-readable")) {
                return;
            }
            Matcher facts = FACTS.matcher(row.get("facts"));
            assertTrue(facts.find(), row.get("facts"));
            assertEquals(Optional.empty(), volume.leftAlone());
            assertEquals(row.number("unit"), volume.extentBytes());
            assertEquals(facts.group(1), volume.group());
            if (!volume.free().isEmpty()) {
                assertTrue(volume.free().get(0).startBytes() >= Long.parseLong(facts.group(3)) * 512);
            }
            assertIsAsTheToolsSay(image, row, layout);
        }
    }

    /** The index counts what it finds in every text of the ring, the old ones included: the tools know better. */
    private void assertIsAsTheToolsSay(Path image, Corpus.Row row, LvmLayout layout) throws IOException {
        try (LvmHost host = new LvmHost(directory.resolve("host"))) {
            host.add(image, row.number("offset"), row.number("length"));
            String[] told = host.report("pvs -o pv_free,pv_uuid").get(0).split("\\|", -1);
            LvmLayout.PhysicalVolume volume = layout.physicalVolumes().get(0);
            assertEquals(told[0], Long.toString(volume.free().totalBytes()));
            assertEquals(told[1], volume.uuid());
            Set<String> plain = new TreeSet<>();
            Set<String> others = new TreeSet<>();
            for (String line : host.report("lvs --segments -o lv_name,segtype,lv_size")) {
                String[] columns = line.split("\\|", -1);
                boolean simple = columns[1].equals("linear") || columns[1].equals("striped");
                (simple ? plain : others).add(columns[0] + " " + columns[2]);
            }
            Set<String> found = new TreeSet<>();
            Set<String> leftAlone = new TreeSet<>();
            for (LvmLayout.LogicalVolume logical : layout.logicalVolumes()) {
                (logical.leftAlone().isEmpty() ? found : leftAlone).add(logical.name() + " " + logical.lengthBytes());
            }
            assertEquals(plain, found);
            assertEquals(others, leftAlone);
        }
    }
}
