package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemState;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;

class InspectionDigestTest {
    private static final FilesystemIdentity IDENTITY = new FilesystemIdentity("ext4", "label", "uuid", 4096, 1 << 20);
    private static final RangeSet FREE = RangeSet.of(new ByteRange(4096, 8192));

    private static FilesystemFinding finding(FilesystemIdentity identity, FilesystemState state, RangeSet onDisk) {
        RangeSet free = state instanceof FilesystemState.FreeSpace space ? space.free() : RangeSet.empty();
        return new FilesystemFinding("sda1", new ByteRange(0, 1 << 20), identity, state, onDisk, free);
    }

    private static FilesystemFinding finding(FilesystemIdentity identity, FilesystemState state) {
        return finding(identity, state, RangeSet.of(new ByteRange(0, 1 << 20)));
    }

    private static DiskInspection disk(FilesystemFinding... findings) {
        return new DiskInspection(1 << 20, "gpt", List.of(findings), Optional.empty());
    }

    private static FilesystemState.FreeSpace free(RangeSet ranges) {
        return new FilesystemState.FreeSpace(1 << 19, ranges);
    }

    @Test
    void whateverDiffersIsSeen() {
        FilesystemFinding one = finding(IDENTITY, free(FREE));
        List<DiskInspection> different = List.of(
                disk(),
                disk(one),
                disk(one, one),
                new DiskInspection(1 << 21, "gpt", List.of(one), Optional.empty()),
                new DiskInspection(1 << 20, "mbr", List.of(one), Optional.empty()),
                new DiskInspection(1 << 20, "gpt", List.of(one), Optional.of("refused")),
                new DiskInspection(1 << 20, "gpt", List.of(one), Optional.of("doubt"), Optional.empty()),
                disk(finding(new FilesystemIdentity("ext4", "labelu", "uid", 4096, 1 << 20), free(FREE))),
                disk(finding(new FilesystemIdentity("ext4", "label", "uuid", 1024, 1 << 20), free(FREE))),
                disk(finding(IDENTITY, free(RangeSet.of(new ByteRange(4096, 4096))))),
                disk(finding(IDENTITY, free(RangeSet.of(new ByteRange(4096, 4096), new ByteRange(16384, 4096))))),
                disk(finding(IDENTITY, free(FREE), RangeSet.of(new ByteRange(0, 1 << 19)))),
                disk(finding(IDENTITY, new FilesystemState.FreeSpace(1 << 18, FREE))),
                disk(finding(IDENTITY, new FilesystemState.FreeSpace(1 << 19, FREE, Optional.of("replayed")))),
                disk(finding(IDENTITY, new FilesystemState.FreeSpace(1 << 19, FREE, Optional.empty(), false))),
                disk(finding(IDENTITY, new FilesystemState.Dirty("why"))),
                disk(finding(IDENTITY, new FilesystemState.Corrupt("why"))));
        Set<InspectionDigest> digests = new HashSet<>();
        different.forEach(inspection -> digests.add(InspectionDigest.of(inspection)));
        assertEquals(different.size(), digests.size());
    }

    @Test
    void equalOnesAreEqual() {
        assertEquals(
                InspectionDigest.of(disk(finding(IDENTITY, free(FREE)))),
                InspectionDigest.of(disk(finding(IDENTITY, free(RangeSet.of(new ByteRange(4096, 8192)))))));
    }
}
