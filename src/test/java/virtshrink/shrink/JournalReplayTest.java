package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ExternalTool;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.MountedImage;
import virtshrink.filesystem.TreeDigest;
import virtshrink.filesystem.ext.CrashedExt;
import virtshrink.image.ImageFormat;
import virtshrink.shrink.ShrinkRequest.IdleGuard;

/** Whole runs over guests that were powered off hard. */
class JournalReplayTest {
    private static final long MIB = 1 << 20;

    @TempDir
    static Path directory;

    private static Path crashed = Path.of("");

    @BeforeAll
    static void makeGuest() throws IOException {
        CrashedExt.assumePossible();
        ExternalTool.assume("qemu-img", "qemu-utils");
        crashed = CrashedExt.crash(directory.resolve("guest.raw"), "-t ext4 -b 4096 -J size=4", "rw", 20, 250);
    }

    private static Path image(String name) throws IOException {
        Path image = directory.resolve(name);
        Files.deleteIfExists(image);
        ExternalTool.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", crashed.toString(), image.toString());
        return image;
    }

    private static TestRun run(Path image) {
        return new TestRun(directory.resolve("runs"), image);
    }

    /** As the kernel mounts it, which replays the journal. */
    private static TreeDigest tree(Path raw) throws IOException {
        Path copy = directory.resolve("mounted.raw");
        CrashedExt.copy(raw, copy);
        try (MountedImage mounted = MountedImage.mount(copy, directory.resolve("mounted"), "rw,noatime")) {
            return TreeDigest.of(mounted.path());
        }
    }

    private static Path raw(Path image) throws IOException {
        Path raw = directory.resolve("result.raw");
        ExternalTool.run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", image.toString(), raw.toString());
        return raw;
    }

    private static String check(Path raw) {
        try {
            ExternalTool.Result result = ExternalTool.attempt("", "e2fsck", "-fy", raw.toString());
            return result.exitCode() + result.output().replace(raw.toString(), "");
        } catch (IOException failed) {
            throw new java.io.UncheckedIOException(failed);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theGuestFindsEverythingAgain(boolean inPlace) throws IOException {
        Path image = image("shrunk.qcow2");
        TestRun run = run(image).replayJournals();
        ShrinkReport report = (inPlace ? run.inPlace() : run).expect(Outcome.SHRUNK);
        assertTrue(report.reclaimedBytes() > MIB, report::toString);
        assertTrue(
                report.notes().stream().anyMatch(note -> note.startsWith("sda: journal replayed in memory: ")),
                () -> "" + report.notes());
        Path result = raw(image);
        tree(crashed).assertSame(tree(result), "in place " + inPlace);
        Path before = directory.resolve("before.raw");
        CrashedExt.copy(crashed, before);
        assertEquals(check(before), check(result));
    }

    @Test
    void nothingIsTouchedUnlessItIsAskedFor() throws IOException {
        ShrinkReport report = run(image("plain.qcow2")).expect(Outcome.NOTHING_TO_GAIN);
        FilesystemState state =
                report.inspection().orElseThrow().filesystems().get(0).state();
        assertEquals("dirty", state.contractName());
        assertTrue(state.reasonText().contains("replay-journals"), state::reasonText);
    }

    @Test
    void theDomainHasTheLastWord() throws IOException {
        IdleGuard guard = new IdleGuard() {
            @Override
            public Optional<String> whyNotNow() {
                return Optional.empty();
            }

            @Override
            public Optional<String> whyNoReplay() {
                return Optional.of("nobody knows how its last run ended");
            }
        };
        ShrinkReport report =
                run(image("vetoed.qcow2")).replayJournals().guard(guard).expect(Outcome.NOTHING_TO_GAIN);
        assertTrue(
                report.notes().contains("no journal is replayed: nobody knows how its last run ended"),
                () -> "" + report.notes());
    }

    private List<ShrinkReport> beside(Path other) throws IOException {
        List<ShrinkRequest> disks = List.of(
                run(crashed).format(ImageFormat.RAW).replayJournals().dryRun().request(),
                run(other).format(ImageFormat.RAW).replayJournals().dryRun().request());
        return new Shrinker().runTogether(disks, ProgressListener.SILENT, new Cancellation());
    }

    private static FilesystemState first(ShrinkReport report) {
        return report.inspection().orElseThrow().filesystems().get(0).state();
    }

    @Test
    void swapOnAnotherDiskIsLeftAlone() throws IOException {
        Path swap = ExternalTool.sparse(directory.resolve("swap.raw"), 4 * MIB);
        ExternalTool.run("mkswap", swap.toString());
        List<ShrinkReport> reports = beside(swap);
        assertTrue(reports.get(0).reclaimableBytes() > MIB, reports::toString);
        String reason = first(reports.get(1)).reasonText();
        assertTrue(reason.startsWith("left alone: disk ") && reason.contains("sda is not clean"), reason);
    }

    @Test
    void aDiskThatCannotBeReadForbidsTheReplayOnTheOther() throws IOException {
        Path noise = ExternalTool.sparse(directory.resolve("luks.raw"), 4 * MIB);
        Files.write(noise, new byte[] {'L', 'U', 'K', 'S', (byte) 0xba, (byte) 0xbe, 0, 2, 1, 1, 1});
        ShrinkReport report = beside(noise).get(0);
        assertFalse(report.reclaimableBytes() > 0, report::toString);
        String reason = first(report).reasonText();
        assertTrue(reason.contains("its journal is not replayed: disk "), reason);
    }

    @Test
    void twoDisksOfOneGuestAreBothReplayed() throws IOException {
        Path other = directory.resolve("other.raw");
        CrashedExt.copy(crashed, other);
        for (ShrinkReport report : beside(other)) {
            assertTrue(report.reclaimableBytes() > MIB, report::toString);
        }
    }
}
