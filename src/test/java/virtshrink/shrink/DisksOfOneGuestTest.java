package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.ExternalTool;
import virtshrink.filesystem.FilesystemState;
import virtshrink.image.ImageFormat;
import virtshrink.shrink.ShrinkRequest.IdleGuard;

/** What is on one disk of a guest says whether swap on the others may be in use. */
class DisksOfOneGuestTest {
    private static final int MIB = 1 << 20;
    private static final String MAY_BE_SUSPENDED = "so the guest may be suspended and need this";

    @TempDir
    Path directory;

    @BeforeAll
    static void tools() {
        GuestDisk.assumeTools();
    }

    private ShrinkRequest request(Path image) {
        return new TestRun(directory.resolve("runs"), image)
                .format(ImageFormat.RAW)
                .dryRun()
                .request();
    }

    private List<ShrinkReport> lookAt(Path other) throws IOException {
        List<ShrinkRequest> both = List.of(request(GuestDisk.shared().raw()), request(other));
        return new Shrinker().runTogether(both, ProgressListener.SILENT, new Cancellation());
    }

    private static FilesystemState swap(ShrinkReport report) {
        return report.inspection().orElseThrow().filesystems().get(1).state();
    }

    private static void assertSwapLeftAlone(ShrinkReport report, String why) {
        String reason = swap(report).reasonText();
        assertTrue(reason.startsWith("left alone: ") && reason.contains(why), reason);
        assertTrue(report.reclaimableBytes() > 12L * MIB, "the filesystem beside it is not concerned");
        assertTrue(report.reclaimableBytes() < 18L * MIB, report::toString);
    }

    private Path disk(long at, String content) throws IOException {
        Path disk = ExternalTool.sparse(directory.resolve("other.raw"), 16 * MIB);
        try (RandomAccessFile file = new RandomAccessFile(disk.toFile(), "rw")) {
            file.seek(at);
            file.write(content.getBytes(StandardCharsets.ISO_8859_1));
        }
        return disk;
    }

    @Test
    void swapIsFreedBesideADiskThatHoldsNothing() throws IOException {
        ShrinkReport report = lookAt(disk(0, "")).get(0);
        assertInstanceOf(FilesystemState.FreeSpace.class, swap(report));
        assertTrue(report.reclaimableBytes() > 18L * MIB, report::toString);
    }

    @Test
    void swapIsLeftAloneBesideADiskThatCannotBeRead() throws IOException {
        Path exfs = disk(0, "EXFS\0\0\20\0");
        assertSwapLeftAlone(lookAt(exfs).get(0), "disk " + exfs + ": sda (exfs) cannot be read, " + MAY_BE_SUSPENDED);
    }

    @Test
    void swapIsLeftAloneBesideADiskThatIsNotThere() throws IOException {
        Path missing = directory.resolve("missing.raw");
        List<ShrinkReport> reports = lookAt(missing);
        assertSwapLeftAlone(reports.get(0), "disk " + missing + " cannot be looked at, " + MAY_BE_SUSPENDED);
        assertEquals(Outcome.REFUSED, reports.get(1).outcome());
    }

    @Test
    void everyDiskIsRefusedBesideOneInWhichTheGuestIsHibernated() throws IOException {
        for (ShrinkReport report : lookAt(disk(4086, "S1SUSPEND\0"))) {
            assertEquals(Outcome.REFUSED, report.outcome(), report::toString);
            assertTrue(report.reason().contains("the guest is hibernated"), report::reason);
        }
    }

    @Test
    void swapIsLeftAloneBesideADiskThatNobodyLooksAt() throws IOException {
        IdleGuard guard = new IdleGuard() {
            @Override
            public Optional<String> whyNotNow() {
                return Optional.empty();
            }

            @Override
            public Optional<String> unseen() {
                return Optional.of("disk vdb of the domain is not looked at, " + MAY_BE_SUSPENDED);
            }
        };
        Path image = directory.resolve("disk.raw");
        ExternalTool.run("cp", "--sparse=always", GuestDisk.shared().raw().toString(), image.toString());
        ShrinkReport report = new TestRun(directory.resolve("runs"), image)
                .format(ImageFormat.RAW)
                .dryRun()
                .guard(guard)
                .expect(Outcome.NOTHING_TO_GAIN);
        assertSwapLeftAlone(report, "disk vdb of the domain is not looked at");
    }
}
