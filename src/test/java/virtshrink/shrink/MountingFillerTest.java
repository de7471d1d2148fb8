package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.filesystem.TreeDigest;

/** A filesystem without a reader gives its free space back by being mounted and filled; what is in it stays as it is. */
class MountingFillerTest {
    @TempDir
    private Path temporary;

    private MountingDisk disk;
    private TestRun run;

    @BeforeEach
    void makeDisk() throws Exception {
        disk = MountingDisk.make(temporary.toRealPath());
        run = new TestRun(temporary.resolve("runs"), disk.image).mounting(MountingDisk.mounting());
    }

    @Test
    void freeSpaceOfBothKindsIsGivenBackAndEveryFileIsAsItWas() throws Exception {
        TreeDigest before = MountingDisk.tree(disk.image, temporary);
        ShrinkReport report = run.expect(Outcome.SHRUNK);
        before.assertSame(
                MountingDisk.tree(disk.image, temporary), report.notes().toString());
        long reclaimed = report.before().allocatedBytes() - report.after().allocatedBytes();
        assertTrue(reclaimed > 2 * MountingDisk.DELETED_BYTES * 5L / 6, () -> reclaimed + " " + report);
        assertTrue(report.notes().toString().contains("sda2 (ext4) was mounted"), report.notes()::toString);
        run.requireNothingLeft();
    }
}
