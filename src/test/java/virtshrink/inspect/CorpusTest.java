package virtshrink.inspect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.BlockSource;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.Corpus;
import virtshrink.filesystem.FilesystemState.FreeSpace;
import virtshrink.filesystem.ReferenceChecker;
import virtshrink.filesystem.ZeroFreeSpace;
import virtshrink.filesystem.btrfs.BtrfsProgs;
import virtshrink.filesystem.ext.E2fsprogs;
import virtshrink.filesystem.xfs.Xfsprogs;

/**
 * Disks that other hands made, clean, dirty, broken and fuzzed, through every reader of this program: the one corpus test for all formats, so
 * that each disk is unpacked once. It prints a table at its end. With {@code -DargLine=-Xmx128m} it shows that a small heap is enough.
 */
class CorpusTest {
    private static final Set<String> NAMED = Set.of("clean", "unmounted-flag-set", "readable", "metadata-readable");
    private static final long MOST_CHECKED = 1L << 30;
    private static final long MOST_SCRIBBLED = 128L << 20;

    /** Clean to the reference checker and refused for a reason of ours, which begins so. */
    private static final Map<String, String> EXPLAINED = Map.of(
            "dfvfs/hist-4f4c434a__vsstest.qcow2.xz", "unsupported: shadow copies are present",
            // Taken from running machines: what Windows keeps in memory is no affair of ntfsresize.
            "dissect/hist-1791973c__dissect.ntfs__tests__data__ntfs-cloud.bin.gz", "dirty: Windows keeps part of it",
            "velocidex/velociraptor__artifacts__testdata__files__test.ntfs.dd.E01.raw.xz", "dirty: Windows keeps part",
            // Blocks of two rounds near the head of the log, in an order that no log writer leaves.
            "syzkaller-logs/240219_055325_perf_tp_event_init_xfs_0.xz", "dirty: the log does not end");

    private static final CorpusTable TABLE = new CorpusTable();

    private final DiskInspector inspector = DiskInspector.standard();

    @TempDir
    Path directory;

    static List<Arguments> files() throws IOException {
        return Corpus.files();
    }

    @AfterAll
    static void table() {
        TABLE.print();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("files")
    void isExactWhereCleanAndNeverCallsUsedBlocksFree(String name, List<Corpus.Row> rows) throws IOException {
        Corpus.assume();
        Path file = Corpus.unpack(rows.get(0), directory);
        try (FileBlockSource disk = FileBlockSource.open(file)) {
            DiskInspection whole =
                    assertTimeoutPreemptively(Duration.ofSeconds(20), () -> inspector.inspect(disk, "sda", 512));
            for (Corpus.Row row : rows) {
                if (NAMED.contains(row.get("verdict"))) {
                    assertNames(whole, row);
                }
            }
        }
        for (Corpus.Row row : rows) {
            if (!row.get("length").isEmpty()) {
                judge(row, file);
            }
        }
    }

    /** Its place alone, so that what else is wrong with a disk hides nothing. */
    private void judge(Corpus.Row row, Path file) throws IOException {
        Optional<FilesystemFinding> found;
        String refusal;
        try (FileBlockSource disk = FileBlockSource.open(file)) {
            BlockSource volume = disk.slice(row.placeWithin(disk));
            DiskInspection inspection =
                    assertTimeout(Duration.ofSeconds(20), () -> inspector.inspect(volume, "sda", 512));
            found = inspection.filesystems().stream().findFirst();
            refusal = inspection.refusal().orElse("");
        }
        if (found.isEmpty() || !(found.get().state() instanceof FreeSpace space)) {
            String reason = found.map(finding -> finding.state().contractName() + ": "
                            + finding.state().reasonText())
                    .orElse("disk refused: " + refusal);
            TABLE.refused(row, reason);
            assertTrue(!row.isClean() || isExplained(row, reason), () -> row + ": " + reason);
            return;
        }
        boolean equal = !row.get("free_ref").isEmpty() && row.freeBytes() == space.freeBytes();
        TABLE.accepted(row, equal);
        if (row.isClean()) {
            assertEquals(row.freeBytes(), space.freeBytes(), row::toString);
            if (!row.get("fstype").equals("btrfs")) {
                // Of btrfs the device is counted, places included that are never touched.
                assertEquals(row.freeBytes(), space.free().totalBytes(), row::toString);
            }
        }
        // Of NTFS, nothing but clean ones is accepted.
        assertTrue(row.isClean() || !row.get("fstype").equals("ntfs"), row::toString);
        if (row.get("fstype").startsWith("ext")) {
            E2fsprogs.Dump reference = E2fsprogs.dump(file, row.number("offset"));
            assertTrue(space.free().subtract(reference.free()).isEmpty(), "free here, used to dumpe2fs");
        }
        Optional<ReferenceChecker> checker = ReferenceChecker.of(row.get("fstype"));
        if (checker.isPresent() && row.number("length") <= MOST_CHECKED) {
            Path alone = Corpus.cut(row, file);
            ReferenceChecker.Verdict before = checker.get().check(alone);
            assertIsWhatToolsList(row, alone, space);
            // A shrink writes zeros; noise finds more, but a broken filesystem may show its checker free space.
            if (row.isClean() && row.number("length") <= MOST_SCRIBBLED) {
                ZeroFreeSpace.scribble(alone, space.free(), 1);
            } else {
                ZeroFreeSpace.zero(alone, space);
            }
            assertEquals(before, checker.get().check(alone), row::toString);
        }
    }

    /** Range by range, where the filesystem's own tools list what is used or free. */
    private static void assertIsWhatToolsList(Corpus.Row row, Path alone, FreeSpace space) throws IOException {
        switch (row.get("fstype")) {
            case "xfs" -> assertEquals(Xfsprogs.reference(alone).free(), space.free(), row::toString);
            case "btrfs" -> assertEquals(BtrfsProgs.dump(alone).free(), space.free(), row::toString);
            default -> {}
        }
    }

    private static boolean isExplained(Corpus.Row row, String reason) {
        return reason.startsWith(EXPLAINED.getOrDefault(row.get("file"), "never"));
    }

    private static void assertNames(DiskInspection inspection, Corpus.Row row) {
        Optional<FilesystemFinding> finding = inspection.filesystems().stream()
                .filter(candidate -> candidate.place().equals(row.place()))
                .findFirst();
        assertTrue(finding.isPresent(), () -> row.get("fstype") + " at " + row.place() + " not found: " + inspection);
        String device = finding.get().device();
        // The index counts partitions, Linux counts logical ones from five.
        if (!device.matches("sda[5-9]")) {
            String part = row.get("part");
            assertEquals(part.equals("whole") ? "sda" : "sda" + part, device);
        }
        String type = finding.get().identity().type();
        assertEquals(row.get("fstype").replaceAll("^ext.*", "ext4"), type.replaceAll("^ext[234]$", "ext4"));
    }
}
