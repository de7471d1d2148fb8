package virtshrink.volume.lvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static virtshrink.volume.lvm.LvmText.hidden;
import static virtshrink.volume.lvm.LvmText.linear;
import static virtshrink.volume.lvm.LvmText.segment;
import static virtshrink.volume.lvm.LvmText.visible;
import static virtshrink.volume.lvm.LvmText.volume;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.BlockSource;
import virtshrink.block.FileBlockSource;
import virtshrink.block.StripedSegment;
import virtshrink.filesystem.ZeroFreeSpace;

/** Volume groups as the tools of lvm2 make them: what they say themselves of free extents and of places is what is read. */
class LvmMatrixTest {
    private static final long MIB = 1 << 20;

    @TempDir
    Path directory;

    /** What is done on a host with empty devices. */
    interface Making {
        void make(LvmHost host) throws IOException;
    }

    private static Arguments group(String name, int devices, long mebibytes, Set<String> leftAlone, Making making) {
        return Arguments.of(name, devices, mebibytes, leftAlone, making);
    }

    private static Arguments group(String name, int devices, long mebibytes, String... commands) {
        return group(name, devices, mebibytes, Set.of(), host -> run(host, commands));
    }

    /** As above, and then what the tools would not make without device-mapper. */
    private static Arguments special(String name, Set<String> leftAlone, String... logicalVolumes) {
        return group(name, 2, 100, leftAlone, host -> {
            run(host, "vgcreate vg @0 @1", PLAIN + " -l 5 -n plain vg @0");
            host.addToText("vg", String.join("\n", logicalVolumes));
        });
    }

    private static final String PLAIN = "lvcreate -an -Zn -Wn";

    private static void run(LvmHost host, String... commands) throws IOException {
        for (String command : commands) {
            host.lvm(command);
        }
    }

    static Stream<Arguments> groups() {
        return Stream.of(
                group("empty", 1, 64, "vgcreate vg @0"),
                group("one", 1, 64, "vgcreate vg @0", PLAIN + " -L 8M -n a vg"),
                group("full", 1, 64, "vgcreate vg @0", PLAIN + " -l 100%FREE -n a vg"),
                group(
                        "extents of 4 KiB",
                        1,
                        64,
                        "vgcreate -s 4K vg @0",
                        PLAIN + " -l 77 -n a vg",
                        PLAIN + " -l 1 -n b vg"),
                group("extents of 128 KiB", 1, 64, "vgcreate -s 128K vg @0", PLAIN + " -l 100 -n a vg"),
                group("extents of 384 KiB", 1, 64, "vgcreate -s 384K vg @0", PLAIN + " -l 10 -n a vg"),
                group("extents of 1 MiB", 1, 64, "vgcreate -s 1M vg @0", PLAIN + " -l 10 -n a vg"),
                group("extents of 64 MiB", 2, 200, "vgcreate -s 64M vg @0 @1", PLAIN + " -l 3 -n a vg"),
                group("odd device size", 1, 67, "vgcreate vg @0", PLAIN + " -l 2 -n a vg"),
                group(
                        "metadata of 8 MiB",
                        1,
                        64,
                        "pvcreate --metadatasize 8M @0",
                        "vgcreate vg @0",
                        PLAIN + " -l 2 -n a vg"),
                group(
                        "metadata of 40 MiB",
                        1,
                        64,
                        "pvcreate --metadatasize 40M @0",
                        "vgcreate vg @0",
                        PLAIN + " -l 2 -n a vg"),
                group(
                        "two copies of metadata",
                        1,
                        64,
                        "pvcreate --pvmetadatacopies 2 @0",
                        "vgcreate vg @0",
                        PLAIN + " -l 2 -n a vg"),
                group(
                        "no metadata on one",
                        2,
                        64,
                        "pvcreate --pvmetadatacopies 0 @1",
                        "vgcreate vg @0 @1",
                        PLAIN + " -l 20 -n a vg"),
                group(
                        "metadata in use on one of three",
                        3,
                        64,
                        "vgcreate --vgmetadatacopies 1 vg @0 @1 @2",
                        PLAIN + " -l 40 -n a vg"),
                group(
                        "metadata taken out of use",
                        2,
                        64,
                        "vgcreate vg @0 @1",
                        PLAIN + " -l 2 -n a vg",
                        "pvchange --metadataignore y @0",
                        PLAIN + " -l 3 -n b vg"),
                group("metadata ring goes round", 1, 64, Set.of(), host -> goRound(host, 1)),
                group("two metadata rings go round", 1, 64, Set.of(), host -> goRound(host, 2)),
                group("striped over two", 2, 64, "vgcreate vg @0 @1", PLAIN + " -i 2 -I 64K -l 10 -n a vg"),
                group(
                        "striped over three",
                        3,
                        64,
                        "vgcreate vg @0 @1 @2",
                        PLAIN + " -i 3 -I 4K -l 9 -n a vg",
                        PLAIN + " -l 4 -n b vg @1"),
                group(
                        "striped and extended linearly",
                        2,
                        64,
                        "vgcreate vg @0 @1",
                        PLAIN + " -i 2 -I 16K -l 10 -n a vg",
                        "lvextend -i 1 -l +3 vg/a"),
                group(
                        "fragmented by growing",
                        1,
                        100,
                        "vgcreate vg @0",
                        PLAIN + " -l 2 -n a vg",
                        PLAIN + " -l 2 -n b vg",
                        "lvextend -l +2 vg/a",
                        "lvextend -l +2 vg/b",
                        "lvextend -l +1 vg/a"),
                group(
                        "holes by removing",
                        1,
                        100,
                        "vgcreate vg @0",
                        PLAIN + " -l 2 -n a vg",
                        PLAIN + " -l 3 -n b vg",
                        PLAIN + " -l 2 -n c vg",
                        "lvremove -f vg/b",
                        "lvreduce -f -l 1 vg/c"),
                group(
                        "chosen extents",
                        1,
                        100,
                        "vgcreate vg @0",
                        PLAIN + " -l 4 -n a vg @0:10-11:3-4",
                        PLAIN + " -l 1 -n b vg @0:23"),
                group("spread over two", 2, 64, "vgcreate vg @0 @1", PLAIN + " -l 20 -n a vg", PLAIN + " -l 3 -n b vg"),
                group(
                        "two groups",
                        2,
                        64,
                        "vgcreate one @0",
                        "vgcreate two @1",
                        PLAIN + " -l 3 -n a one",
                        PLAIN + " -l 4 -n a two"),
                group(
                        "label in the first sector",
                        1,
                        64,
                        "pvcreate --labelsector 0 @0",
                        "vgcreate vg @0",
                        PLAIN + " -l 3 -n a vg"),
                group(
                        "label in the fourth sector",
                        1,
                        64,
                        "pvcreate --labelsector 3 @0",
                        "vgcreate vg @0",
                        PLAIN + " -l 3 -n a vg"),
                group(
                        "aligned data",
                        1,
                        64,
                        "pvcreate --dataalignment 8M --dataalignmentoffset 7K @0",
                        "vgcreate vg @0",
                        PLAIN + " -l 3 -n a vg"),
                group(
                        "place for a boot loader",
                        1,
                        64,
                        "pvcreate --bootloaderareasize 3M @0",
                        "vgcreate vg @0",
                        PLAIN + " -l 3 -n a vg"),
                group(
                        "unusual names and tags",
                        1,
                        64,
                        "vgcreate --addtag some.tag vg.with-dash+more @0",
                        PLAIN + " --addtag x -l 3 -n a-b.c+d_e vg.with-dash+more",
                        "pvchange --addtag y @0"),
                group(
                        "long names",
                        1,
                        64,
                        "vgcreate " + "v".repeat(60) + " @0",
                        PLAIN + " -l 3 -n " + "l".repeat(60) + " " + "v".repeat(60)),
                group(
                        "read-only and not activated",
                        1,
                        64,
                        "vgcreate vg @0",
                        PLAIN + " -pr -l 3 -n a vg",
                        PLAIN + " -ky -l 2 -n b vg",
                        PLAIN + " --setautoactivation n -r 128 -C y -l 2 -n c vg"),
                group(
                        "renamed",
                        1,
                        64,
                        "vgcreate vg @0",
                        PLAIN + " -l 3 -n a vg",
                        "vgrename vg other",
                        "lvrename other/a b"),
                group(
                        "split and merged",
                        2,
                        64,
                        "vgcreate vg @0 @1",
                        PLAIN + " -l 3 -n a vg @0",
                        PLAIN + " -l 4 -n b vg @1",
                        "vgsplit vg new @1",
                        "vgmerge vg new"),
                group(
                        "extended and not allocatable",
                        2,
                        64,
                        "vgcreate vg @0",
                        PLAIN + " -l 3 -n a vg",
                        "vgextend vg @1",
                        "pvchange -xn @1"),
                group(
                        "reduced",
                        2,
                        64,
                        "vgcreate vg @0 @1",
                        PLAIN + " -l 3 -n a vg @0",
                        "vgreduce vg @1",
                        "vgextend vg @1"),
                group(
                        "made smaller than its device",
                        1,
                        64,
                        "pvcreate --setphysicalvolumesize 40M -y @0",
                        "vgcreate vg @0",
                        PLAIN + " -l 3 -n a vg"),
                group("many volumes", 1, 64, Set.of(), host -> {
                    run(host, "vgcreate -s 128K vg @0");
                    StringBuilder volumes = new StringBuilder();
                    for (int number = 0; number < 130; number++) {
                        volumes.append(visible(
                                "v" + number, linear(0, 1, "pv0", 2L * number), linear(1, 1, "pv0", 400 - number)));
                    }
                    host.addToText("vg", volumes.toString());
                }),
                group(
                        "removed volumes remembered",
                        1,
                        64,
                        "vgcreate vg @0",
                        PLAIN + " -l 3 -n a vg",
                        "lvremove --config metadata/record_lvs_history=1 -f vg/a",
                        PLAIN + " -l 2 -n b vg"),
                group(
                        "cache pool",
                        1,
                        64,
                        Set.of("pool"),
                        host -> run(
                                host,
                                "vgcreate vg @0",
                                PLAIN + " -l 3 -n a vg",
                                "lvcreate -an --type cache-pool -L 8M -n pool vg")),
                special(
                        "thin pool and volumes",
                        Set.of("pool", "thin", "clone"),
                        visible(
                                "pool",
                                segment(
                                        0,
                                        4,
                                        "thin-pool",
                                        "metadata = \"pool_tmeta\"",
                                        "pool = \"pool_tdata\"",
                                        "transaction_id = 2",
                                        "chunk_size = 128",
                                        "discards = \"passdown\"",
                                        "zero_new_blocks = 1")),
                        hidden("pool_tmeta", linear(0, 1, "pv1", 3)),
                        hidden("pool_tdata", linear(0, 3, "pv0", 9), linear(3, 1, "pv1", 8)),
                        visible(
                                "thin",
                                segment(0, 50, "thin", "thin_pool = \"pool\"", "transaction_id = 0", "device_id = 1")),
                        visible(
                                "clone",
                                segment(
                                        0,
                                        50,
                                        "thin",
                                        "thin_pool = \"pool\"",
                                        "transaction_id = 1",
                                        "device_id = 2",
                                        "origin = \"thin\"")),
                        hidden("lvol0_pmspare", linear(0, 1, "pv0", 20))),
                special(
                        "snapshot of a volume",
                        Set.of("plain", "snap"),
                        visible("snap", linear(0, 2, "pv1", 4)),
                        hidden(
                                "snapshot0",
                                segment(
                                        0,
                                        2,
                                        "snapshot",
                                        "chunk_size = 8",
                                        "origin = \"plain\"",
                                        "cow_store = \"snap\""))),
                special(
                        "mirrored in two pieces",
                        Set.of("m"),
                        visible(
                                "m",
                                segment(
                                        0,
                                        2,
                                        "raid1",
                                        "device_count = 2",
                                        "region_size = 1024",
                                        "raids = [\"m_rmeta_0\", \"m_rimage_0\", \"m_rmeta_1\", \"m_rimage_1\"]")),
                        hidden("m_rmeta_0", linear(0, 1, "pv0", 10)),
                        hidden("m_rimage_0", linear(0, 2, "pv0", 11)),
                        hidden("m_rmeta_1", linear(0, 1, "pv1", 10)),
                        hidden("m_rimage_1", linear(0, 2, "pv1", 11))),
                special(
                        "mirror of the old kind",
                        Set.of("m"),
                        visible(
                                "m",
                                segment(
                                        0,
                                        2,
                                        "mirror",
                                        "mirror_count = 2",
                                        "region_size = 1024",
                                        "mirrors = [\"m_mimage_0\", 0, \"m_mimage_1\", 0]")),
                        hidden("m_mimage_0", linear(0, 2, "pv0", 11)),
                        hidden("m_mimage_1", linear(0, 2, "pv1", 11))),
                special(
                        "being moved",
                        Set.of("a"),
                        volume("a", "\"READ\", \"WRITE\", \"VISIBLE\", \"LOCKED\"", linear(0, 2, "pvmove0", 0)),
                        volume(
                                "pvmove0",
                                "\"READ\", \"WRITE\", \"PVMOVE\", \"LOCKED\"",
                                segment(
                                        0,
                                        2,
                                        "mirror",
                                        "mirror_count = 2",
                                        "extents_moved = 0",
                                        "region_size = 1024",
                                        "mirrors = [\"pv0\", 15, \"pv1\", 3]"))),
                special(
                        "cached volume",
                        Set.of("c"),
                        visible("c", segment(0, 2, "cache", "cache_pool = \"cp_cpool\"", "origin = \"c_corig\"")),
                        hidden("c_corig", linear(0, 2, "pv0", 10)),
                        hidden(
                                "cp_cpool",
                                segment(
                                        0,
                                        1,
                                        "cache-pool",
                                        "data = \"cp_cpool_cdata\"",
                                        "metadata = \"cp_cpool_cmeta\"",
                                        "metadata_format = 2",
                                        "chunk_size = 128",
                                        "cache_mode = \"writethrough\"",
                                        "policy = \"smq\"")),
                        hidden("cp_cpool_cdata", linear(0, 1, "pv1", 10)),
                        hidden("cp_cpool_cmeta", linear(0, 1, "pv1", 12))),
                special(
                        "volumes of errors and zeros",
                        Set.of("e", "z"),
                        visible("e", segment(0, 2, "error")),
                        visible("z", linear(0, 1, "pv0", 7), segment(1, 2, "zero"))));
    }

    private static void goRound(LvmHost host, int copies) throws IOException {
        run(
                host,
                "pvcreate --metadatasize 32K --pvmetadatacopies " + copies + " @0",
                "vgcreate vg @0",
                PLAIN + " -l 3 -n a vg");
        for (int change = 0; change < 9; change++) {
            host.lvm("vgchange --addtag %s%d vg".formatted("t".repeat(500), change));
        }
        for (int change = 0; change < 7; change++) {
            host.lvm("lvrename vg/%s %s".formatted(change % 2 == 0 ? "a" : "b", change % 2 == 0 ? "b" : "a"));
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("groups")
    void isReadAsTheToolsSay(String name, int devices, long mebibytes, Set<String> leftAlone, Making making)
            throws IOException {
        try (LvmHost host = new LvmHost(directory)) {
            for (int device = 0; device < devices; device++) {
                host.add(mebibytes * MIB);
            }
            making.make(host);
            LvmLayout layout = read(host, devices);
            Map<String, String[]> told = new HashMap<>();
            for (String row : host.report("pvs -o pv_name,pv_free,pe_start")) {
                String[] columns = row.split("\\|", -1);
                told.put(columns[0], columns);
            }
            List<Long> firstBytes = new ArrayList<>();
            for (int device = 0; device < devices; device++) {
                LvmLayout.PhysicalVolume volume = layout.physicalVolumes().get(device);
                String[] columns = Objects.requireNonNull(told.get(host.device(device)));
                assertEquals(Optional.empty(), volume.leftAlone());
                assertEquals(columns[1], Long.toString(volume.free().totalBytes()), host.file(device) + " free");
                firstBytes.add(Long.parseLong(columns[2]));
            }
            assertEquals(leftAlone, leftAlone(layout));
            assertEquals(segmentsByTheTools(host, leftAlone), segments(host, layout, firstBytes));
            assertNothingChangesWithoutTheFreeExtents(host, layout);
        }
    }

    private static LvmLayout read(LvmHost host, int devices) throws IOException {
        List<BlockSource> sources = new ArrayList<>();
        List<FileBlockSource> files = new ArrayList<>();
        try {
            for (int device = 0; device < devices; device++) {
                files.add(FileBlockSource.open(host.file(device)));
            }
            sources.addAll(files);
            return LvmVolumes.read(sources);
        } finally {
            for (FileBlockSource file : files) {
                file.close();
            }
        }
    }

    private static Set<String> leftAlone(LvmLayout layout) {
        Set<String> names = new TreeSet<>();
        for (LvmLayout.LogicalVolume volume : layout.logicalVolumes()) {
            if (volume.leftAlone().isPresent()) {
                names.add(volume.name());
            }
        }
        return names;
    }

    /** By name and start: how long, and where each stripe begins, as {@code device(extent)}. */
    private static Map<String, String> segmentsByTheTools(LvmHost host, Set<String> leftAlone) throws IOException {
        Map<String, String> segments = new TreeMap<>();
        for (String row : host.report("lvs --segments -o vg_name,lv_name,seg_start,seg_size,stripe_size,devices")) {
            String[] columns = row.split("\\|", -1);
            if (!leftAlone.contains(columns[1])) {
                segments.put(
                        String.join(" ", columns[0], columns[1], columns[2]),
                        String.join(" ", columns[3], columns[4], columns[5]));
            }
        }
        return segments;
    }

    private static Map<String, String> segments(LvmHost host, LvmLayout layout, List<Long> firstBytes) {
        Map<String, String> segments = new TreeMap<>();
        for (LvmLayout.LogicalVolume volume : layout.logicalVolumes()) {
            for (StripedSegment segment : volume.segments()) {
                List<String> areas = new ArrayList<>();
                for (StripedSegment.Area area : segment.areas()) {
                    long first = firstBytes.get(area.part());
                    long extentBytes = layout.physicalVolumes().get(area.part()).extentBytes();
                    areas.add("%s(%d)".formatted(host.device(area.part()), (area.startBytes() - first) / extentBytes));
                }
                segments.put(
                        "%s %s %d".formatted(volume.group(), volume.name(), segment.startBytes()),
                        "%d %d %s"
                                .formatted(
                                        segment.lengthBytes(),
                                        areas.size() == 1 ? 0 : segment.stripeBytes(),
                                        String.join(",", areas)));
            }
        }
        return segments;
    }

    private static void assertNothingChangesWithoutTheFreeExtents(LvmHost host, LvmLayout layout) throws IOException {
        String before = host.lvm("fullreport");
        for (int device = 0; device < layout.physicalVolumes().size(); device++) {
            ZeroFreeSpace.scribble(
                    host.file(device), layout.physicalVolumes().get(device).free(), device);
        }
        assertEquals(before, host.lvm("fullreport"));
        host.lvm("vgck");
        host.lvm("pvck --dump metadata @0");
    }
}
