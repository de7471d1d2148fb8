package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.ExternalTool;
import virtshrink.filesystem.FilesystemState;
import virtshrink.image.ImageFormat;
import virtshrink.inspect.FilesystemFinding;
import virtshrink.os.FileStatus;

/** A volume group over two disks of one guest is put together when both are shrunk in one go. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class SpanningVolumeGroupTest {
    /** Before them there is nothing to tidy up. */
    private static final List<Phase> LATER_PHASES = List.copyOf(EnumSet.complementOf(EnumSet.of(Phase.JUDGE)));

    private static final int KILLS = Integer.getInteger("virtshrink.kills", 6);
    private static final long SEED = Long.getLong("virtshrink.seed", 20_261_122);

    @TempDir
    static Path shared;

    private static SpanningDisks disks;

    @TempDir
    Path directory;

    private Path images;
    private Path first;
    private Path second;

    @BeforeAll
    static void makeDisks() throws IOException {
        SpanningDisks.assumeTools();
        disks = SpanningDisks.make(shared.resolve("disks"));
        disks.imageIn(shared.resolve("first.qcow2"), 0);
        disks.imageIn(shared.resolve("second.qcow2"), 1);
    }

    @BeforeEach
    void makeImages() throws IOException {
        images = Files.createDirectory(directory.resolve("images"));
        first = images.resolve("first.qcow2");
        second = images.resolve("second.qcow2");
        restore();
    }

    private void restore() throws IOException {
        for (Path image : List.of(first, second)) {
            Files.copy(
                    shared.resolve(image.getFileName()),
                    image,
                    StandardCopyOption.REPLACE_EXISTING,
                    StandardCopyOption.COPY_ATTRIBUTES);
        }
    }

    private static ShrinkRequestBuilder request(Path image, String target) {
        return ShrinkRequest.of(image, ImageFormat.QCOW2).changed().target(Optional.of(target));
    }

    private static List<ShrinkReport> run(ShrinkRequestBuilder... requests) {
        List<ShrinkRequest> all = new ArrayList<>();
        for (ShrinkRequestBuilder each : requests) {
            all.add(each.build());
        }
        return new Shrinker().runTogether(all, ProgressListener.SILENT, new Cancellation());
    }

    private List<ShrinkReport> runBoth() {
        return run(request(first, "vda"), request(second, "vdb"));
    }

    private static void assertOutcomes(List<ShrinkReport> reports, Outcome... outcomes) {
        assertEquals(
                List.of(outcomes), reports.stream().map(ShrinkReport::outcome).toList(), reports::toString);
    }

    private static long allocated(Path image) throws IOException {
        return FileStatus.of(image).allocatedBytes();
    }

    private static FilesystemFinding finding(ShrinkReport report, String device) {
        return report.inspection().orElseThrow().filesystems().stream()
                .filter(finding -> finding.device().equals(device))
                .findFirst()
                .orElseThrow(() -> new AssertionError(device + " is not in " + report));
    }

    private static void assertLeftAlone(ShrinkReport report, String device, String why) {
        FilesystemState state = finding(report, device).state();
        assertTrue(state.reasonText().contains(why), () -> device + ": " + state.reasonText());
        assertEquals(0, finding(report, device).freeOnDisk().totalBytes());
    }

    private void assertUntouched(Path image) throws IOException {
        assertEquals(-1, Files.mismatch(shared.resolve(image.getFileName()), image), image::toString);
    }

    private void assertNothingIsLeft() throws IOException {
        try (var left = Files.list(images)) {
            assertEquals(List.of(first, second), left.sorted().toList());
        }
    }

    @Test
    void bothDisksGiveBackWhatIsFreeOnThem() throws IOException {
        List<Long> before = List.of(allocated(first), allocated(second));

        List<ShrinkReport> reports = runBoth();

        assertOutcomes(reports, Outcome.SHRUNK, Outcome.SHRUNK);
        for (int disk = 0; disk < 2; disk++) {
            assertTrue(Math.abs(disks.winnable(disk) - reports.get(disk).reclaimableBytes()) < 1 << 20);
        }
        assertTrue(before.get(0) - allocated(first) >= disks.winnable(0) - (1 << 20));
        assertTrue(before.get(1) - allocated(second) >= disks.winnable(1) - (1 << 20));
        assertTrue(disks.requireSameIn(first, second) < 3 << 20);
        assertNothingIsLeft();
        assertTrue(reports.get(0).notes().toString().contains("looked at together with vdb"), reports::toString);
        assertTrue(reports.get(1).notes().toString().contains("looked at together with vda"), reports::toString);
        assertOutcomes(runBoth(), Outcome.NOTHING_TO_GAIN, Outcome.NOTHING_TO_GAIN);
    }

    @Test
    void theVolumeOnBothIsInBothReportsWithWhatItGivesBackOnEach() {
        List<ShrinkReport> reports = runBoth();
        FilesystemFinding onFirst = finding(reports.get(0), SpanningDisks.ROOT);
        FilesystemFinding onSecond = finding(reports.get(1), SpanningDisks.ROOT);
        assertEquals("ext4", onFirst.identity().type());
        assertEquals(onFirst.identity(), onSecond.identity());
        assertEquals(onFirst.freeBytes(), onSecond.freeBytes());
        assertEquals(disks.rootFreeBytes(), onFirst.freeBytes().orElseThrow());
        assertEquals(
                disks.rootFreeBytes(),
                onFirst.freeOnDisk().totalBytes() + onSecond.freeOnDisk().totalBytes());
    }

    @Test
    void anEstimateSaysWhatARunGivesBack() {
        List<ShrinkReport> estimates =
                run(request(first, "vda").dryRun(true), request(second, "vdb").dryRun(true));
        List<ShrinkReport> reports = runBoth();
        for (int disk = 0; disk < 2; disk++) {
            assertEquals(
                    reports.get(disk).reclaimableBytes(), estimates.get(disk).reclaimableBytes());
            assertEquals(reports.get(disk).gains(), estimates.get(disk).gains());
        }
    }

    @Test
    void aDiskThatIsOnlyLookedAtHelpsTheOther() throws IOException {
        List<ShrinkReport> reports =
                run(request(first, "vda"), request(second, "vdb").dryRun(true));
        assertOutcomes(reports, Outcome.SHRUNK, Outcome.NOTHING_TO_GAIN);
        assertTrue(Math.abs(disks.winnable(0) - reports.get(0).reclaimableBytes()) < 1 << 20);
        assertUntouched(second);
        disks.requireSameIn(first, second);
    }

    @Test
    void aDiskByItselfKeepsWhatReachesToTheOther() throws IOException {
        ShrinkReport report = run(request(first, "vda")).get(0);
        assertEquals(Outcome.SHRUNK, report.outcome(), report::toString);
        assertLeftAlone(report, SpanningDisks.ROOT, "another disk");
        assertEquals(0, finding(report, "vda2").freeOnDisk().totalBytes());
        assertTrue(report.reclaimableBytes() < 16 << 20, report::toString);
        assertTrue(report.reclaimableBytes() > 12 << 20, report::toString);
        disks.requireSameIn(first, second);
    }

    @Test
    void aDiskThatCannotBeBelievedIsAsOneThatIsNotThere() throws IOException {
        ExternalTool.run("qemu-img", "snapshot", "-c", "before", second.toString());
        List<ShrinkReport> reports = runBoth();
        assertOutcomes(reports, Outcome.SHRUNK, Outcome.REFUSED);
        assertLeftAlone(reports.get(0), SpanningDisks.ROOT, "another disk");
        disks.requireSameIn(first, second);
    }

    @Test
    void aCopyOfADiskBesideItMakesAllOfThemDoubtful() throws IOException {
        Path copy = Files.copy(second, images.resolve("third.qcow2"));
        List<ShrinkReport> reports = run(request(first, "vda"), request(second, "vdb"), request(copy, "vdc"));
        assertEquals(
                0,
                finding(reports.get(0), "vda2").freeOnDisk().totalBytes(),
                () -> reports.get(0).toString());
        for (ShrinkReport report : reports.subList(1, 3)) {
            assertEquals(0, report.reclaimableBytes(), report::toString);
        }
        assertUntouched(second);
        assertEquals(-1, Files.mismatch(second, copy));
        disks.requireSameIn(first, second);
    }

    @Test
    void aSuspendedGuestIsFoundInAVolumeToo() throws IOException {
        ExternalTool.run(
                "qemu-io",
                "-f",
                "qcow2",
                "-c",
                "write -s " + file("S1SUSPEND\0") + " " + (disks.swapStart() + 4086) + " 10",
                second.toString());
        for (ShrinkReport report : runBoth()) {
            assertEquals(Outcome.REFUSED, report.outcome(), report::toString);
            assertTrue(report.reason().contains("the guest is hibernated"), report::reason);
        }
        assertUntouched(first);
    }

    @Test
    void aDirtyVolumeLeavesSwapAndUnusedExtentsAlone() throws IOException {
        // s_state, in the superblock that is on the first disk: not cleanly unmounted. And the journal wants to be
        // replayed.
        long superblock = disks.rootStart() + 1024;
        ExternalTool.run("qemu-io", "-f", "qcow2", "-c", "write -P 0 " + (superblock + 58) + " 2", first.toString());
        ShrinkReport report = runBoth().get(1);
        assertLeftAlone(report, "/dev/vg0/swap", "left alone: ");
        assertLeftAlone(report, "vdb", "left alone: ");
        assertEquals(0, report.reclaimableBytes(), report::toString);
        assertUntouched(second);
    }

    private Path file(String content) throws IOException {
        return Files.writeString(directory.resolve("content"), content, StandardCharsets.ISO_8859_1);
    }

    // Torn down in mid-run.

    @Test
    void killedAtAnyMomentBothImagesAreWholeAndTheNextRunTidiesUp() throws Exception {
        Random random = new Random(SEED);
        CommandLineChild child = new CommandLineChild(Files.createDirectory(directory.resolve("child")));
        for (int kill = 0; kill < KILLS; kill++) {
            restore();
            Phase phase = LATER_PHASES.get(random.nextInt(LATER_PHASES.size()));
            int times = 1 + random.nextInt(2);
            long delayMicros = random.nextInt(phase == Phase.SWAP ? 4_000 : 40_000);
            String when =
                    "seed %d, kill %d, %d µs after %s of disk %d".formatted(SEED, kill, delayMicros, phase, times);
            killAt(child, phase, times, delayMicros);
            Waiting.until(
                    "no child of the dead run lives, " + when,
                    () -> Waiting.childrenNaming(directory).isEmpty());
            disks.requireSameIn(first, second);
            for (ShrinkReport report : runBoth()) {
                boolean fine = report.outcome() == Outcome.SHRUNK || report.outcome() == Outcome.NOTHING_TO_GAIN;
                assertTrue(fine, () -> when + ": " + report);
            }
            disks.requireSameIn(first, second);
            assertNothingIsLeft();
        }
    }

    private void killAt(CommandLineChild child, Phase phase, int times, long delayMicros) throws Exception {
        Path said = Files.writeString(directory.resolve("phases"), "");
        Process victim = child.builder(WaitingGuestRun.class, first.toString(), second.toString())
                .redirectError(said.toFile())
                .start();
        try (BufferedReader out = victim.inputReader(StandardCharsets.US_ASCII)) {
            assertEquals("ready", out.readLine());
            victim.getOutputStream().write("go\n".getBytes(StandardCharsets.US_ASCII));
            victim.getOutputStream().flush();
            Waiting.until(
                    "the phase begins",
                    () -> Files.readAllLines(said).stream()
                                            .filter(line -> line.equals(phase.name()))
                                            .count()
                                    >= times
                            || !victim.isAlive());
            LockSupport.parkNanos(delayMicros * 1000);
        } finally {
            victim.destroyForcibly().waitFor();
        }
    }
}
