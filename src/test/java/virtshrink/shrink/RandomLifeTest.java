package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import virtshrink.block.ExternalTool;
import virtshrink.block.FileBlockSource;
import virtshrink.filesystem.FilesystemState;
import virtshrink.filesystem.LoopDevice;
import virtshrink.filesystem.ReferenceChecker;
import virtshrink.filesystem.TreeDigest;
import virtshrink.filesystem.ZeroFreeSpace;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.DiskInspector;
import virtshrink.inspect.FilesystemFinding;

/**
 * A guest's filesystem is lived in, shut down, shrunk and lived in again, round after round on the same disk; nothing that it holds changes
 * by a shrink. In most rounds what the readers call free is overwritten with noise, which finds more than zeros do; in the others the disk
 * goes through the whole pipeline as a qcow2. {@code -Dvirtshrink.life.rounds=200} lives longer, {@code -Dvirtshrink.life.seed=N} otherwise,
 * {@code -Dvirtshrink.life.kinds=XFS.*} as those kinds only.
 */
class RandomLifeTest {
    private static final int ROUNDS = Integer.getInteger("virtshrink.life.rounds", 10);
    private static final long SEED = Long.getLong("virtshrink.life.seed", 20261122);
    private static final String KINDS = System.getProperty("virtshrink.life.kinds", ".*");
    private static final int DEEDS = 40;
    private static final int PIPELINE_EVERY = 5;

    @TempDir
    Path directory;

    @BeforeAll
    static void tools() {
        ExternalTool.assumeRoot();
        ExternalTool.assume("sgdisk", "gdisk");
        ExternalTool.assume("qemu-img", "qemu-utils");
        ExternalTool.assume("setfattr", "attr");
        ExternalTool.assume("setfacl", "acl");
    }

    @ParameterizedTest
    @EnumSource(LifeKind.class)
    void nothingThatAFilesystemHoldsChangesByAShrink(LifeKind kind) throws IOException {
        Assumptions.assumeTrue(kind.name().matches(KINDS), "not asked for by virtshrink.life.kinds");
        Path raw = kind.make(directory);
        int rounds = Math.max(2, ROUNDS / kind.ofItsFilesystem());
        long freed = 0;
        for (int round = 0; round < rounds; round++) {
            long seed = SEED + 1000L * kind.name().hashCode() + round;
            String replay = "%s, round %d, seed %d".formatted(kind, round, SEED);
            kind.live(raw, directory, new Random(seed), round, DEEDS);
            TreeDigest before = kind.look(raw, directory);
            ReferenceChecker.Verdict health = check(kind, raw);
            assertTrue(health.clean(), () -> replay + ": not clean before the shrink: " + health.text());
            FilesystemFinding finding = inspect(raw);
            FilesystemState state = finding.state();
            assertInstanceOf(FilesystemState.FreeSpace.class, state, () -> replay + ": " + state.reasonText());
            freed += finding.freeOnDisk().totalBytes();
            if (round % PIPELINE_EVERY == 1) {
                raw = throughPipeline(raw, replay);
            } else {
                ZeroFreeSpace.scribble(raw, finding.freeOnDisk(), seed);
            }
            before.assertSame(kind.look(raw, directory), replay);
            ReferenceChecker.Verdict after = check(kind, raw);
            assertTrue(after.clean(), () -> replay + ": not clean after the shrink: " + after.text());
        }
        System.out.printf("life: %-24s %4d rounds, %,d bytes freed%n", kind, rounds, freed);
    }

    private static ReferenceChecker.Verdict check(LifeKind kind, Path raw) throws IOException {
        try (LoopDevice device = LoopDevice.attach(raw, Optional.of(kind.place()))) {
            return ReferenceChecker.of(kind.type()).orElseThrow().check(device.path());
        }
    }

    private static FilesystemFinding inspect(Path raw) throws IOException {
        try (FileBlockSource disk = FileBlockSource.open(raw)) {
            DiskInspection inspection = DiskInspector.standard().inspect(disk, "sda", 512);
            return inspection.filesystems().get(0);
        }
    }

    /** To a qcow2, shrunk, and back; the disk of the next rounds is the shrunk one. */
    private Path throughPipeline(Path raw, String replay) throws IOException {
        Path image = Files.createDirectories(directory.resolve("images")).resolve("disk.qcow2");
        ExternalTool.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw.toString(), image.toString());
        ShrinkReport report = new TestRun(directory.resolve("runs"), image)
                .minimumGain(MinimumGain.ANY)
                .run();
        assertTrue(
                Set.of(Outcome.SHRUNK, Outcome.NOTHING_TO_GAIN).contains(report.outcome()),
                () -> replay + ": " + report.outcome() + " " + report.reason());
        Files.delete(raw);
        ExternalTool.run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", image.toString(), raw.toString());
        Files.delete(image);
        return raw;
    }
}
