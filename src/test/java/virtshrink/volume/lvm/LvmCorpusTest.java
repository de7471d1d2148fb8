package virtshrink.volume.lvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
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
        try (FileBlockSource disk = FileBlockSource.open(Corpus.unpack(row, directory))) {
            LvmLayout layout = LvmVolumes.read(List.of(disk.slice(row.placeWithin(disk))));
            LvmLayout.PhysicalVolume volume = layout.physicalVolumes().get(0);
            if (!row.get("verdict").equals("metadata-readable")) {
                return;
            }
            Matcher facts = FACTS.matcher(row.get("facts"));
            assertTrue(facts.find(), row.get("facts"));
            assertEquals(Optional.empty(), volume.leftAlone());
            assertEquals(row.freeBytes(), volume.free().totalBytes());
            assertEquals(row.number("unit"), volume.extentBytes());
            assertEquals(facts.group(1), volume.group());
            assertTrue(volume.free().get(0).startBytes() >= Long.parseLong(facts.group(3)) * 512);
            for (LvmLayout.LogicalVolume logical : layout.logicalVolumes()) {
                assertTrue(List.of(facts.group(2).split(",")).contains(logical.name()), logical::toString);
                assertEquals(
                        logical.name().equals("mirrormirror"),
                        logical.leftAlone().isPresent(),
                        logical::toString);
            }
        }
    }
}
