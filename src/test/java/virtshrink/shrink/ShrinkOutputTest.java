package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ExternalTool;
import virtshrink.image.ImageFormat;
import virtshrink.os.LoopMount;

/** Results that go to another file, and files with names that mean something to others. */
class ShrinkOutputTest {
    @TempDir
    Path directory;

    private Path image;
    private Path output;
    private String original;

    @BeforeAll
    static void tools() {
        GuestDisk.assumeTools();
    }

    @BeforeEach
    void makeImage() throws IOException {
        image = GuestDisk.shared()
                .imageIn(Files.createDirectory(directory.resolve("images")).resolve("disk.qcow2"), "qcow2");
        original = FileProperties.sha256(image) + FileProperties.attributes(image);
        output = Files.createDirectory(directory.resolve("out")).resolve("small.qcow2");
    }

    private TestRun run() {
        return new TestRun(directory.resolve("runs"), image).output(output);
    }

    private void requireUntouched(TestRun run) throws IOException {
        assertEquals(original, FileProperties.sha256(image) + FileProperties.attributes(image));
        run.requireNothingLeft();
    }

    @Test
    void anImageOnAReadOnlyMountCanBeRead() throws IOException {
        LoopMount.needsRoot();
        Path place = image.getParent();
        ExternalTool.run("mount", "--bind", place.toString(), place.toString());
        try {
            ExternalTool.run("mount", "-o", "remount,ro,bind", place.toString());
            TestRun run = run();
            run.expect(Outcome.SHRUNK);
            requireUntouched(run);
        } finally {
            ExternalTool.run("umount", place.toString());
        }
        GuestDisk.shared().requireSameIn(output, "qcow2");
    }

    @Test
    void anOutputThatExistsIsNeverOverwritten() throws IOException {
        Files.writeString(output, "precious");
        TestRun run = run();

        String reason = run.expect(Outcome.REFUSED).reason();

        assertTrue(reason.contains("exists already"), reason);
        assertEquals("precious", Files.readString(output));
        requireUntouched(run);
    }

    @Test
    void anOutputThatAppearsInTheMiddleIsNotOverwrittenEither() throws IOException {
        TestRun run = run().when(Phase.SWAP, () -> Files.writeString(output, "precious"));

        String reason = run.expect(Outcome.REFUSED).reason();

        assertTrue(reason.contains("exists already"), reason);
        assertEquals("precious", Files.readString(output));
        requireUntouched(run);
    }

    @ParameterizedTest
    @EnumSource(
            value = Phase.class,
            names = {"ZERO", "REBUILD", "VERIFY", "SWAP"})
    void aCancelledRunLeavesNoOutput(Phase phase) throws IOException {
        TestRun run = run();
        run.when(phase, () -> run.cancellation.cancel("enough"));

        run.expect(Outcome.YIELDED);

        assertFalse(Files.exists(output));
        requireUntouched(run);
    }

    @Test
    void whatTheOutputsFilesystemCannotKeepIsSaidAndNobodyElseMayReadIt() throws IOException {
        ExternalTool.assume("setfacl", "acl");
        ExternalTool.assume("setfattr", "attr");
        Path here = Files.createDirectory(directory.resolve("here"));
        Path there = Files.createDirectory(directory.resolve("there"));
        try (LoopMount xfs = LoopMount.make(here, 400 << 20, "rw", "mkfs.xfs", "-q");
                LoopMount ext4 = LoopMount.make(there, 80 << 20, "rw", "mke2fs", "-q", "-t", "ext4", "-m", "0")) {
            image = Files.copy(image, xfs.path().resolve("disk.qcow2"));
            output = ext4.path().resolve("small.qcow2");
            ExternalTool.run("setfacl", "-m", "u:777:rw,g::-,m::rw", image.toString());
            // More than one block of ext4 takes.
            ExternalTool.run("setfattr", "-n", "user.note", "-v", "x".repeat(20_000), image.toString());
            original = FileProperties.sha256(image) + FileProperties.attributes(image);
            ExternalTool.run("rmdir", ext4.path().resolve("lost+found").toString());
            TestRun run = run();

            ShrinkReport report = run.expect(Outcome.SHRUNK);

            assertTrue(report.notes().toString().contains("only its owner may use it"), report.notes()::toString);
            String mode = ExternalTool.run("stat", "--format=%a", output.toString());
            assertEquals("600", mode.strip());
            GuestDisk.shared().requireSameIn(output, "qcow2");
            requireUntouched(run);
        }
    }

    /** Whoever may read the overlay has not been told that he may read what it stands on. */
    @Test
    void anOutputThatHoldsTheBackingFileTooIsItsOwnersAlone() throws IOException {
        GuestDisk second = onABackingFile();
        TestRun run = run().convertTo(ImageFormat.RAW);

        ShrinkReport report = run.expect(Outcome.SHRUNK);

        assertEquals(
                "600 0",
                ExternalTool.run("stat", "--format=%a %u", output.toString()).strip());
        assertTrue(report.notes().toString().contains("only its owner may read it"), report.notes()::toString);
        second.requireSameIn(output, "raw");
        requireUntouched(run);
    }

    @Test
    void anOutputThatStandsOnTheSameBackingFileIsWhoseTheOverlayIs() throws IOException {
        onABackingFile();
        output = image.resolveSibling("small.qcow2");
        TestRun run = run();

        run.expect(Outcome.SHRUNK);

        assertEquals(
                "644 12345",
                ExternalTool.run("stat", "--format=%a %u", output.toString()).strip());
        requireUntouched(run);
    }

    @Test
    void anOverlayDoesNotBecomeAFileWithItsBackingFilesContentUnderItsOwnOwner() throws IOException {
        onABackingFile();
        TestRun run = new TestRun(directory.resolve("runs"), image).convertTo(ImageFormat.RAW);

        String reason = run.expect(Outcome.REFUSED).reason();

        assertTrue(reason.contains("name an output"), reason);
        requireUntouched(run);
    }

    private GuestDisk onABackingFile() throws IOException {
        LoopMount.needsRoot();
        GuestDisk first = GuestDisk.shared();
        GuestDisk second = first.later(directory.resolve("second.raw"), 2);
        Files.delete(image);
        Path base = Files.copy(first.raw(), image.resolveSibling("base.raw"));
        ExternalTool.run("chmod", "600", base.toString());
        second.layerOn(first, image, "base.raw", "raw");
        ExternalTool.run("chown", "12345", image.toString());
        ExternalTool.run("chmod", "644", image.toString());
        original = FileProperties.sha256(image) + FileProperties.attributes(image);
        return second;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "with space and 'quotes\".qcow2",
                "a,b=c:d;e$f`g`\\h.qcow2",
                "-o",
                "json:{}",
                "nbd:unix:.qcow2",
                "?offset=1#x%20%s.qcow2",
                "line\nend\ttab.qcow2",
                "[glob]*.{a,b}"
            })
    void aNameThatMeansSomethingToOthersIsAName(String name) throws IOException {
        Path named = Files.move(image, image.resolveSibling(name));
        TestRun run = new TestRun(directory.resolve("runs"), named);

        run.expect(Outcome.SHRUNK);

        GuestDisk.shared().requireSameIn(Files.move(named, image), "qcow2");
        run.requireNothingLeft();
    }

    @ParameterizedTest
    @ValueSource(strings = {"ba,se=1.img", "sub dir/b'a\"se.img", "./a:b.img"})
    void aBackingFileMayHaveSuchANameToo(String name) throws IOException {
        GuestDisk first = GuestDisk.shared();
        GuestDisk second = first.later(directory.resolve("second.raw"), 2);
        Files.delete(image);
        Path base = image.resolveSibling(name);
        Files.createDirectories(base.getParent());
        Files.copy(first.raw(), base);
        second.layerOn(first, image, name, "raw");
        String info = FileProperties.info(image, "qcow2").toString();

        new TestRun(directory.resolve("runs"), image).expect(Outcome.SHRUNK);

        assertEquals(info, FileProperties.info(image, "qcow2").toString());
        second.requireSameIn(image, "qcow2");
    }

    @Test
    void aNameTooLongForTemporaryFilesIsRefusedBeforeAnyWork() throws IOException {
        Path named = Files.move(image, image.resolveSibling("n".repeat(240)));
        TestRun run = new TestRun(directory.resolve("runs"), named);

        String reason = run.expect(Outcome.REFUSED).reason();

        assertTrue(reason.contains("name is too long"), reason);
        run.requireNothingLeft();
    }
}
