package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import virtshrink.block.ExternalTool;
import virtshrink.image.ImageFormat;

/** A disk that is only looked at because another one cannot be understood without it: held like that one, and never written. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class CompanionTest {
    @TempDir
    Path directory;

    private Path runs;
    private Path image;
    private Path companion;
    private String original;
    private String companionOriginal;

    @BeforeAll
    static void tools() {
        GuestDisk.assumeTools();
    }

    @BeforeEach
    void makeImages() throws IOException {
        runs = directory.resolve("runs");
        Path images = Files.createDirectory(directory.resolve("images"));
        image = GuestDisk.shared().imageIn(images.resolve("disk.qcow2"), "qcow2");
        companion = images.resolve("companion.qcow2");
        ExternalTool.run("qemu-img", "create", "-q", "-f", "qcow2", companion.toString(), "16M");
        write(0, 0);
        original = state(image);
        companionOriginal = state(companion);
    }

    private static String state(Path file) throws IOException {
        return FileProperties.sha256(file) + FileProperties.inode(file);
    }

    private TestRun run() {
        return new TestRun(runs, image)
                .companion(ShrinkRequest.of(companion, ImageFormat.QCOW2)
                        .changed()
                        .target(Optional.of("vdb"))
                        .build());
    }

    private int write(int pattern, long at) throws IOException {
        String command = "write -P " + pattern + " " + at + " 4096";
        return ExternalTool.attempt("", "qemu-io", "-f", "qcow2", "-c", command, companion.toString())
                .exitCode();
    }

    private void requireRefused(TestRun run, String why) throws IOException {
        String reason = run.expect(Outcome.REFUSED).reason();
        assertTrue(reason.contains(why), reason);
        assertEquals(original, state(image));
        run.requireNothingLeft();
    }

    @Test
    void nobodyCanWriteToItUntilTheOtherDiskIsReplaced() throws IOException {
        Map<Phase, Integer> statuses = new EnumMap<>(Phase.class);
        TestRun run = run().progress(TestRun.phases(phase -> statuses.put(phase, write(0, 0))));

        ShrinkReport report = run.expect(Outcome.SHRUNK);

        assertEquals(0, statuses.remove(Phase.JUDGE));
        assertEquals(Set.of(1), Set.copyOf(statuses.values()));
        assertEquals(0, write(0, 0));
        assertTrue(report.notes().contains("what lies on it was looked at together with vdb"), report::toString);
        GuestDisk.shared().requireSameIn(image, "qcow2");
        run.requireNothingLeft();
    }

    @Test
    void itIsNotWritten() throws IOException {
        FileTime before = Files.getLastModifiedTime(companion);
        run().expect(Outcome.SHRUNK);
        assertEquals(companionOriginal, state(companion));
        assertEquals(before, Files.getLastModifiedTime(companion));
    }

    @Test
    void whoOnlyLooksKeepsNobodyFromWritingToIt() throws IOException {
        List<Integer> statuses = new ArrayList<>();
        run().dryRun().when(Phase.ESTIMATE, () -> statuses.add(write(0, 0))).expect(Outcome.NOTHING_TO_GAIN);
        assertEquals(List.of(0), statuses);
    }

    /** As by somebody who heeds no locks. */
    @ParameterizedTest
    @EnumSource(
            value = Phase.class,
            names = {"INSPECT", "ZERO", "REBUILD", "VERIFY", "SWAP"})
    void oneThatIsWrittenToMeanwhileKeepsTheOtherFromBeingReplaced(Phase phase) throws IOException {
        TestRun run = run().when(phase, () -> {
            try (RandomAccessFile file = new RandomAccessFile(companion.toFile(), "rw")) {
                file.seek(file.length() - 1);
                file.write(1);
            }
        });
        requireRefused(run, companion + ", which holds a part of what lies on this disk, was changed");
    }

    /** The companion becomes a layer on what it was until now. */
    private Path putBackingFileUnderCompanion() throws IOException {
        Path backing = companion.resolveSibling("backing.qcow2");
        Files.move(companion, backing);
        ExternalTool.run(
                "qemu-img",
                "create",
                "-q",
                "-f",
                "qcow2",
                "-b",
                backing.toString(),
                "-F",
                "qcow2",
                companion.toString());
        return backing;
    }

    @Test
    void whatItStandsOnMustNotBeWrittenToEither() throws IOException {
        Path backing = putBackingFileUnderCompanion();
        TestRun run = run().when(Phase.VERIFY, () -> Files.write(backing, new byte[512], StandardOpenOption.APPEND));
        requireRefused(run, backing + ", which holds a part of what lies on this disk, was changed");
    }

    @Test
    void whoOwnsWhatItStandsOnIsNobodysBusiness() throws IOException {
        Path backing = putBackingFileUnderCompanion();
        run().when(Phase.VERIFY, () -> ExternalTool.run("chmod", "0600", backing.toString()))
                .expect(Outcome.SHRUNK);
    }

    @Test
    void oneWhoseNameLeadsToAnotherFileMeanwhileDoesToo() throws IOException {
        TestRun run = run().when(Phase.REBUILD, () -> {
            Path other = directory.resolve("other.qcow2");
            ExternalTool.run("cp", "--preserve=all", companion.toString(), other.toString());
            Files.move(other, companion, StandardCopyOption.REPLACE_EXISTING);
        });
        requireRefused(run, "was changed while this disk was being shrunk");
    }

    @Test
    void oneThatIsWrittenToByAnotherProcessKeepsTheRunFromBeginning() throws Exception {
        Process writer = new ProcessBuilder("qemu-io", "-f", "qcow2", companion.toString())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        try {
            // Another qemu that asks by trying could keep this one from beginning.
            String inode = ":" + FileProperties.inode(companion) + " ";
            Waiting.until(
                    "the writer holds its lock",
                    () -> Files.readString(Path.of("/proc/locks")).contains(inode));
            requireRefused(run(), "is open for writing in another process");
            requireRefused(run().dryRun(), "is open for writing in another process");
        } finally {
            writer.destroyForcibly().waitFor();
        }
    }

    @Test
    void oneThatAnotherRunWorksOnKeepsTheRunFromBeginning() throws IOException {
        List<ShrinkReport> reports = new ArrayList<>();
        TestRun other =
                new TestRun(runs, companion).withoutFiller().when(Phase.REBUILD, () -> reports.add(run().run()));
        other.run();
        assertEquals(Outcome.REFUSED, reports.get(0).outcome());
        assertTrue(reports.get(0).reason().contains("is being worked on by another run"), reports.get(0)::reason);
        assertEquals(original, state(image));
    }

    @Test
    void oneThatCannotBeBelievedKeepsTheRunFromBeginning() throws IOException {
        ExternalTool.run("qemu-img", "snapshot", "-c", "before", companion.toString());
        requireRefused(run(), "has 1 internal snapshot");
        Files.delete(companion);
        requireRefused(run(), companion + " does not exist");
    }

    @Test
    void whatADeadRunLeftBesideItIsRemovedFirst() throws IOException {
        Path left = Files.writeString(
                companion.resolveSibling(".companion.qcow2.virt-shrink-0123456789ab.new.qcow2"), "rest");
        ShrinkReport report = run().expect(Outcome.SHRUNK);
        assertFalse(Files.exists(left));
        assertTrue(report.notes().toString().contains("removed " + left), report::toString);
    }

    @Test
    void whoStartsAnythingOnItFindsTheRun() throws IOException {
        run().when(Phase.VERIFY, () -> {
                    Path registered = onlyRun().resolve("companion-1");
                    assertEquals(companion.toRealPath(), Files.readSymbolicLink(registered));
                })
                .expect(Outcome.SHRUNK);
    }

    private Path onlyRun() throws IOException {
        try (var all = Files.list(runs)) {
            List<Path> found = all.toList();
            assertEquals(1, found.size(), found::toString);
            return found.get(0);
        }
    }

    /** The hook's question, asked in the run's own thread. */
    @ParameterizedTest
    @EnumSource(value = Phase.class, names = "JUDGE", mode = EnumSource.Mode.EXCLUDE)
    void aRunThatGivesWayGivesBothBack(Phase phase) throws IOException {
        List<Integer> statuses = new ArrayList<>();
        TestRun run = run().when(phase, () -> {
            Path only = onlyRun();
            Files.createFile(only.resolve("yield"));
            Waiting.until("the run answers", () -> Files.exists(only.resolve("yielded")));
            assertEquals(List.of(), Waiting.childrenNaming(directory));
            statuses.add(write(0, 0));
            statuses.add(ExternalTool.attempt("", "qemu-io", "-f", "qcow2", "-c", "read 0 1", image.toString())
                    .exitCode());
        });
        assertEquals("a guest wants to start", run.expect(Outcome.YIELDED).reason());
        assertEquals(List.of(0, 0), statuses);
        assertEquals(original, state(image));
        run.requireNothingLeft();
    }

    @Test
    void itsOwnersAreAskedBeforeTheSwapToo() throws IOException {
        List<String> asked = new ArrayList<>();
        TestRun run = new TestRun(runs, image)
                .companion(ShrinkRequest.of(companion, ImageFormat.QCOW2).withGuard(() -> {
                    asked.add("asked");
                    return asked.size() == 2 ? Optional.of("disk vdb was taken away") : Optional.empty();
                }));
        requireRefused(run, "disk vdb was taken away");
        assertFalse(asked.isEmpty());
    }
}
