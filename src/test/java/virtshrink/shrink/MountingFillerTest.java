package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Timer;
import java.util.TimerTask;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ExternalTool;
import virtshrink.filesystem.TreeDigest;
import virtshrink.mount.Attacher;
import virtshrink.mount.FaultyAttacher;
import virtshrink.mount.LoopAttacher;
import virtshrink.mount.NbdAttacher;

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

    private void attachedBy(Attacher attacher) {
        run.mounting(MountingDisk.mounting(attacher));
    }

    private String untouched(Outcome outcome) throws Exception {
        String before = FileProperties.sha256(disk.image);
        ShrinkReport report = run.expect(outcome);
        assertEquals(before, FileProperties.sha256(disk.image), report.reason());
        run.requireNothingLeft();
        return report.reason();
    }

    /** What has a reader is given back all the same. */
    private String leftAlone() throws Exception {
        TreeDigest before = MountingDisk.tree(disk.image, temporary);
        ShrinkReport report = run.expect(Outcome.SHRUNK);
        before.assertSame(
                MountingDisk.tree(disk.image, temporary), report.notes().toString());
        long reclaimed = report.before().allocatedBytes() - report.after().allocatedBytes();
        assertTrue(reclaimed > MountingDisk.DELETED_BYTES * 5L / 6, () -> reclaimed + " " + report.notes());
        assertTrue(reclaimed < MountingDisk.DELETED_BYTES * 7L / 6, () -> reclaimed + " " + report.notes());
        run.requireNothingLeft();
        return report.notes().stream()
                .filter(note -> note.startsWith("sda2 is not mounted and filled: "))
                .findFirst()
                .orElseThrow(() -> new AssertionError(report.notes()));
    }

    @Test
    void aTypeThatTheKernelDoesNotKnowIsLeftAlone() throws Exception {
        run.mounting(MountingDisk.mounting(new LoopAttacher(), "unheardof"));
        String note = leftAlone();
        assertTrue(note.contains("unknown filesystem type"), note);
    }

    @Test
    void aDirtyFilesystemIsNeverMounted() throws Exception {
        disk.markDirty();
        FaultyAttacher attacher = new FaultyAttacher();
        attachedBy(attacher);
        ShrinkReport report = run.expect(Outcome.SHRUNK);
        assertEquals(0, attacher.count(), report.notes()::toString);
        assertEquals("not cleanly unmounted: start the guest and shut it down", state(report, "sda2"));
    }

    private static String state(ShrinkReport report, String device) {
        return report.inspection().orElseThrow().filesystems().stream()
                .filter(finding -> finding.device().equals(device))
                .map(finding -> finding.state().reasonText())
                .findFirst()
                .orElseThrow();
    }

    @Test
    void whatIsIgnoredIsNotMounted() throws Exception {
        FaultyAttacher attacher = new FaultyAttacher();
        attachedBy(attacher);
        run.ignore("sda2").expect(Outcome.SHRUNK);
        assertEquals(0, attacher.count());
    }

    @Test
    void aDryRunMountsNothing() throws Exception {
        FaultyAttacher attacher = new FaultyAttacher();
        attachedBy(attacher);
        ShrinkReport report = run.dryRun().expect(Outcome.NOTHING_TO_GAIN);
        assertEquals(0, attacher.count());
        assertTrue(report.mayGainByMounting());
        assertTrue(
                report.notes().toString().contains("sda2 (ext4) is mounted and filled in a real run"),
                report.notes()::toString);
    }

    @Test
    void aHostThatCannotAttachIsAReasonToRefuse() throws Exception {
        attachedBy(new NbdAttacher(temporary));
        String reason = untouched(Outcome.REFUSED);
        assertTrue(reason.contains("modprobe nbd"), reason);
    }

    @Test
    void inPlaceIsRefused() throws Exception {
        assertTrue(run.inPlace().expect(Outcome.REFUSED).reason().contains("--in-place"));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void whatCannotBeAttachedBeforeAnythingWasWrittenIsLeftAlone(int number) throws Exception {
        attachedBy(new FaultyAttacher().at(number, failingToAttach()));
        String note = leftAlone();
        assertTrue(note.contains("no device is free"), note);
    }

    @Test
    void whatHasBeenWrittenToAndCannotBeComparedEndsTheRun() throws Exception {
        attachedBy(new FaultyAttacher().at(4, failingToAttach()));
        String reason = untouched(Outcome.FAILED);
        assertTrue(reason.contains("no device is free; the original is untouched"), reason);
    }

    @Test
    void whatOtherDisksSayOfASuspendedGuestKeepsThisOneFromBeingMounted() throws Exception {
        FaultyAttacher attacher = new FaultyAttacher();
        attachedBy(attacher);
        run.mountObjection("vdb: btrfs carries no mark of being in use");
        assertEquals("sda2 is not mounted and filled: vdb: btrfs carries no mark of being in use", leftAlone());
        assertEquals(0, attacher.count());
    }

    private static FaultyAttacher.Fault failingToAttach() {
        return new FaultyAttacher.Fault() {
            @Override
            public void attaching() throws IOException {
                throw new IOException("no device is free");
            }
        };
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4})
    void aDeviceThatTheKernelDoesNotGiveUpIsReportedWhateverElseHappens(int number) throws Exception {
        attachedBy(new FaultyAttacher().at(number, new FaultyAttacher.Fault() {
            @Override
            public void detached() throws IOException {
                run.cancellation.cancel("a guest starts");
                throw new IOException("/dev/nbd0 is still taken");
            }
        }));
        String reason = untouched(Outcome.FAILED);
        assertTrue(reason.contains("/dev/nbd0 is still taken"), reason);
    }

    @Test
    void aFileThatIsNotWhatItWasEndsTheRun() throws Exception {
        attachedBy(new FaultyAttacher().at(3, new FaultyAttacher.Fault() {
            @Override
            public void detached() throws IOException {
                disk.changeFile(overlay());
            }
        }));
        String reason = untouched(Outcome.FAILED);
        assertTrue(
                reason.contains("after sda2 was mounted and filled, /directory%204/file%2011 is not what it was"),
                reason);
    }

    private Path overlay() throws IOException {
        try (Stream<Path> files = Files.list(disk.image.resolveSibling("."))) {
            return files.filter(file -> file.toString().endsWith(".overlay.qcow2"))
                    .findFirst()
                    .orElseThrow();
        }
    }

    @Test
    void somebodyWhoKeepsTheMountBusyForAMomentIsWaitedFor() throws Exception {
        attachedBy(new LoopAttacher());
        run.progress(MountingDisk.whileFilling(() -> {
            InputStream busy = Files.newInputStream(inMount("directory 1/file 1"));
            new Timer(true)
                    .schedule(
                            new TimerTask() {
                                @Override
                                public void run() {
                                    close(busy);
                                }
                            },
                            700);
        }));
        run.expect(Outcome.SHRUNK);
        run.requireNothingLeft();
    }

    private static void close(InputStream busy) {
        try {
            busy.close();
        } catch (IOException problem) {
            throw new UncheckedIOException(problem);
        }
    }

    /** As the run itself reaches it: through the process that keeps the mount. */
    private Path inMount(String name) throws IOException {
        try (Stream<Path> processes = Files.list(Path.of("/proc"))) {
            return processes
                    .filter(process -> process.getFileName().toString().matches("[0-9]+"))
                    .flatMap(process -> runDirectories()
                            .map(directory -> process.resolve(
                                    "root" + directory.resolve("volume").resolve(name))))
                    .filter(Files::exists)
                    .findFirst()
                    .orElseThrow();
        }
    }

    private Stream<Path> runDirectories() {
        try (Stream<Path> directories = Files.list(run.runs.toRealPath())) {
            return directories.toList().stream();
        } catch (IOException problem) {
            throw new UncheckedIOException(problem);
        }
    }

    @Test
    void aCancelledRunUndoesEverythingWithinSeconds() throws Exception {
        attachedBy(new LoopAttacher());
        long[] cancelled = new long[1];
        run.progress(MountingDisk.whileFilling(() -> {
            cancelled[0] = System.nanoTime();
            run.cancellation.cancel("a guest starts");
        }));
        String reason = untouched(Outcome.YIELDED);
        assertEquals("a guest starts", reason);
        long millis = (System.nanoTime() - cancelled[0]) / 1_000_000;
        assertTrue(millis < 10_000, "it took " + millis + " ms");
    }

    @Test
    void afterKillNineNothingHoldsADeviceAndTheNextRunSucceeds() throws Exception {
        CommandLineChild child = new CommandLineChild(temporary.resolve("child"));
        String before = FileProperties.sha256(disk.image);
        Process killed = child.builder(MountingChild.class, child.runs().toString(), disk.image.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        assertEquals("filling", killed.inputReader().readLine());
        assertTrue(devicesOf(child.runs()).contains("loop.img"));
        killed.destroyForcibly().waitFor();
        Waiting.until("the device is free", () -> !devicesOf(child.runs()).contains("loop.img"));
        // A device of the NBD driver needs no such thing.
        try (Stream<Path> directories = Files.list(child.runs())) {
            for (Path directory : directories.toList()) {
                ExternalTool.run("umount", "-l", directory.resolve("loop.img").toString());
            }
        }
        assertEquals(before, FileProperties.sha256(disk.image));
        TestRun next = new TestRun(child.runs(), disk.image).mounting(MountingDisk.mounting());
        next.expect(Outcome.SHRUNK);
        next.requireNothingLeft();
    }

    private static String devicesOf(Path runs) throws IOException {
        return ExternalTool.run("losetup", "--list", "--noheadings", "--output", "BACK-FILE")
                .lines()
                .filter(line -> line.contains(runs.toString()))
                .toList()
                .toString();
    }
}
