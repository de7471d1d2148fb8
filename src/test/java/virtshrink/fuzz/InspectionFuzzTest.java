package virtshrink.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import virtshrink.filesystem.FilesystemState;
import virtshrink.inspect.DiskInspection;
import virtshrink.inspect.FilesystemFinding;

/**
 * Whatever is written over the structures of a disk, the answer is an inspection, soon, and never an exception: each target for a short while
 * with random changes. {@code -Dvirtshrink.fuzz.seconds=N} takes longer, {@code mvn -Pfuzz} lets a fuzzer choose.
 */
class InspectionFuzzTest {
    private static final long NANOS =
            Duration.ofSeconds(Integer.getInteger("virtshrink.fuzz.seconds", 1)).toNanos();
    private static final long SEED = Long.getLong("virtshrink.fuzz.seed", 20261122);
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    @ParameterizedTest
    @EnumSource(FuzzImage.class)
    void answersWhateverTheBytes(FuzzImage image) throws IOException {
        InspectionFuzz target = new InspectionFuzz(image);
        Random random = new Random(SEED + image.name().hashCode());
        TreeMap<String, Integer> answers = new TreeMap<>();
        long end = System.nanoTime() + NANOS;
        while (System.nanoTime() < end) {
            byte[] input = new byte[1 + random.nextInt(random.nextInt(4) == 0 ? 200 : 20)];
            random.nextBytes(input);
            DiskInspection inspection;
            try {
                inspection = assertTimeout(PATIENCE, () -> target.run(input));
            } catch (RuntimeException | Error failed) {
                throw new AssertionError(image + " with input " + HexFormat.of().formatHex(input), failed);
            }
            String answer = inspection.filesystems().stream()
                    .findFirst()
                    .map(finding -> finding.state().contractName())
                    .orElse("refused");
            answers.merge(answer, 1, Integer::sum);
        }
        System.out.println("fuzz: " + image + " " + answers);
    }

    @ParameterizedTest
    @EnumSource(FuzzImage.class)
    void theDiskItselfIsAsItShouldBe(FuzzImage image) throws IOException {
        DiskInspection inspection = new InspectionFuzz(image).run(new byte[0]);
        if (inspection.filesystems().size() == 1) {
            FilesystemState state = inspection.filesystems().get(0).state();
            System.out.println("fuzz: " + image + " unchanged: " + state.contractName() + " " + state.reasonText());
        }
    }

    @ParameterizedTest
    @EnumSource(FuzzImage.class)
    void aSealChangesNothingWhereNothingWasChanged(FuzzImage image) throws IOException {
        SparseDisk disk = image.make();
        SparseDisk sealed = disk.copy();
        image.seal().apply(sealed, new TreeSet<>(disk.usedSectors()));
        for (long sector : disk.usedSectors()) {
            assertEquals(
                    disk.bytes(sector, SparseDisk.SECTOR),
                    sealed.bytes(sector, SparseDisk.SECTOR),
                    () -> "sector at " + sector);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"EXT4_JOURNAL", "EXT4_JOURNAL_OLD"})
    void aJournalIsReplayed(FuzzImage image) throws IOException {
        FilesystemFinding finding =
                new InspectionFuzz(image).run(new byte[0]).filesystems().get(0);
        assertTrue(finding.replayed().isPresent(), finding.state()::reasonText);
    }
}
