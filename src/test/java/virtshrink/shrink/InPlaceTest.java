package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ExternalTool;
import virtshrink.image.ImageFormat;
import virtshrink.os.LoopMount;

/** Giving free space back in the image itself. */
class InPlaceTest {
    private static final long MIB = 1 << 20;

    @TempDir
    Path directory;

    private Path place;

    @BeforeAll
    static void tools() {
        GuestDisk.assumeTools();
    }

    @BeforeEach
    void place() throws IOException {
        place = Files.createDirectory(directory.resolve("images"));
    }

    private TestRun run(Path image) {
        return new TestRun(directory.resolve("runs"), image).inPlace();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "compat=1.1",
                "cluster_size=4k",
                "cluster_size=512",
                "cluster_size=2M",
                "extended_l2=on",
                "lazy_refcounts=on",
                "compat=0.10"
            })
    void aQcow2ImageGetsHolesAndStaysTheSameFile(String options) throws IOException {
        GuestDisk disk = GuestDisk.shared();
        Path image = disk.imageIn(place.resolve("disk.qcow2"), "qcow2", "-o", options);
        long inode = FileProperties.inode(image);
        long before = FileProperties.allocatedBytes(image);
        String info = FileProperties.info(image, "qcow2").toString();

        TestRun run = run(image);
        ShrinkReport report = run.expect(Outcome.SHRUNK);

        long after = FileProperties.allocatedBytes(image);
        long gain = options.equals("cluster_size=2M") ? 14 * MIB : 17 * MIB;
        assertTrue(before - after >= gain, () -> "from " + before + " to " + after);
        assertEquals(after, report.after().allocatedBytes());
        assertEquals(inode, FileProperties.inode(image));
        assertEquals(info, FileProperties.info(image, "qcow2").toString());
        FileProperties.requireCleanQcow2(image);
        long left = disk.requireSameIn(image, "qcow2");
        assertTrue(left < (options.equals("cluster_size=2M") ? 8 * MIB : MIB), () -> left + " bytes left");
        run.requireNothingLeft();
    }

    @ParameterizedTest
    @ValueSource(strings = {"always", "never"})
    void aRawImageGetsHolesAndStaysTheSameFile(String sparse) throws IOException {
        GuestDisk disk = GuestDisk.shared();
        Path image = place.resolve("disk.img");
        ExternalTool.run("cp", "--sparse=" + sparse, disk.raw().toString(), image.toString());
        long inode = FileProperties.inode(image);
        long before = FileProperties.allocatedBytes(image);

        TestRun run = run(image).format(ImageFormat.RAW);
        run.expect(Outcome.SHRUNK);

        assertTrue(before - FileProperties.allocatedBytes(image) > 19 * MIB);
        assertEquals(inode, FileProperties.inode(image));
        assertEquals(disk.sizeBytes(), Files.size(image));
        assertEquals(0, disk.requireSameIn(image, "raw"));
        run.requireNothingLeft();
    }

    @Test
    void anOverlayLosesItsOwnDeletedDataAndShowsNoneOfTheBackingFile() throws IOException {
        GuestDisk first = GuestDisk.shared();
        GuestDisk second = first.later(directory.resolve("second.raw"), 2);
        Path base = first.imageIn(place.resolve("base.qcow2"), "qcow2");
        Path image = second.layerOn(first, place.resolve("disk.qcow2"), "base.qcow2", "qcow2");
        String below = FileProperties.sha256(base);
        long before = FileProperties.allocatedBytes(image);

        run(image).expect(Outcome.SHRUNK);

        assertTrue(before - FileProperties.allocatedBytes(image) > 4 * MIB);
        second.requireSameIn(image, "qcow2");
        FileProperties.requireCleanQcow2(image);
        assertEquals(below, FileProperties.sha256(base));
    }

    @Test
    void bitmapsAreRefusedBecauseAnInterruptionWouldSpoilThem() throws IOException {
        Path image = GuestDisk.shared().imageIn(place.resolve("disk.qcow2"), "qcow2");
        ExternalTool.run("qemu-img", "bitmap", "--add", "-f", "qcow2", image.toString(), "nightly");
        String before = FileProperties.sha256(image);

        String reason = run(image).expect(Outcome.REFUSED).reason();

        assertTrue(reason.contains("persistent bitmaps"), reason);
        assertEquals(before, FileProperties.sha256(image));
    }

    @Test
    void aBackingFileOfOthersIsRefused() throws IOException {
        Path image = GuestDisk.shared().imageIn(place.resolve("disk.qcow2"), "qcow2");
        ExternalTool.run(
                "qemu-img",
                "create",
                "-q",
                "-f",
                "qcow2",
                "-b",
                "disk.qcow2",
                "-F",
                "qcow2",
                place.resolve("top.qcow2").toString());
        String before = FileProperties.sha256(image);

        run(image).expect(Outcome.REFUSED);

        assertEquals(before, FileProperties.sha256(image));
    }

    @Test
    void aRunCancelledBetweenTwoBatchesLeavesAWholeImage() throws IOException {
        GuestDisk large = GuestDisk.make(directory, "large.raw", 3, 150 << 20);
        Path image = large.imageIn(place.resolve("disk.qcow2"), "qcow2");
        long before = FileProperties.allocatedBytes(image);
        TestRun run = run(image);
        List<Boolean> cancelled = new ArrayList<>();
        run.progress(new ProgressListener() {
            @Override
            public void phaseBegan(Phase phase) {}

            @Override
            public void advanced(long doneBytes, long totalBytes) {
                cancelled.add(run.cancellation.cancel("the guest wants to start"));
            }
        });

        ShrinkReport report = run.expect(Outcome.YIELDED);

        assertEquals(true, cancelled.get(0));
        long after = FileProperties.allocatedBytes(image);
        assertTrue(after < before - 20 * MIB && after > 20 * MIB, () -> "from " + before + " to " + after);
        assertTrue(report.notes().toString().contains("the image is whole"), report.notes()::toString);
        FileProperties.requireCleanQcow2(image);
        large.requireSameIn(image, "qcow2");
        run.requireNothingLeft();

        run(image).expect(Outcome.SHRUNK);

        long last = FileProperties.allocatedBytes(image);
        assertTrue(last < before - 148 * MIB, () -> "from " + before + " to " + last);
        large.requireSameIn(image, "qcow2");
    }

    @Test
    void aGuestThatStartsFindsTheImageLockedWhileItIsWritten() throws IOException {
        Path image = GuestDisk.shared().imageIn(place.resolve("disk.qcow2"), "qcow2");
        List<String> said = new ArrayList<>();
        TestRun run = run(image).progress(TestRun.phases(phase -> {
            if (phase == Phase.ZERO || phase == Phase.VERIFY) {
                said.add(ExternalTool.attempt("", "qemu-io", "-f", "qcow2", "-c", "write 0 512", image.toString())
                        .output());
            }
        }));

        run.expect(Outcome.SHRUNK);

        assertEquals(2, said.size());
        for (String each : said) {
            assertTrue(each.contains("Failed to get \"write\" lock"), each);
        }
        GuestDisk.shared().requireSameIn(image, "qcow2");
    }

    @Test
    void anOpenImageIsRefused() throws Exception {
        Path image = GuestDisk.shared().imageIn(place.resolve("disk.qcow2"), "qcow2");
        String before = FileProperties.sha256(image);
        Process opener = new ProcessBuilder("tail", "-f", image.toString())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        try {
            Waiting.until("tail has the image open", () -> Waiting.hasOpen(opener.pid(), image));

            String reason = run(image).expect(Outcome.REFUSED).reason();

            assertTrue(reason.contains("open in another process"), reason);
        } finally {
            opener.destroyForcibly().waitFor();
        }
        assertEquals(before, FileProperties.sha256(image));
    }

    @Test
    void anImageUnderALoopDeviceIsRefused() throws IOException {
        LoopMount.needsRoot();
        Path image = place.resolve("disk.img");
        ExternalTool.run("cp", "--sparse=always", GuestDisk.shared().raw().toString(), image.toString());
        String before = FileProperties.sha256(image);
        String device = ExternalTool.run("losetup", "--find", "--show", image.toString())
                .strip();
        try {
            String reason =
                    run(image).format(ImageFormat.RAW).expect(Outcome.REFUSED).reason();

            assertTrue(reason.contains("open in another process"), reason);
        } finally {
            ExternalTool.run("losetup", "-d", device);
        }
        assertEquals(before, FileProperties.sha256(image));
    }

    @Test
    void aFileThatTakesTheImagesNameBetweenTwoBatchesIsNotWritten() throws IOException {
        GuestDisk large = GuestDisk.make(directory, "large.raw", 3, 150 << 20);
        Path image = large.imageIn(place.resolve("disk.qcow2"), "qcow2");
        Path aside = place.resolve("aside.qcow2");
        Path other = Files.copy(image, directory.resolve("other.qcow2"));
        String otherWas = FileProperties.sha256(other);
        TestRun run = run(image).progress(new ProgressListener() {
            @Override
            public void phaseBegan(Phase phase) {}

            @Override
            public void advanced(long doneBytes, long totalBytes) {
                if (Files.exists(other)) {
                    exchange(image, aside, other);
                }
            }
        });
        long before = FileProperties.allocatedBytes(image);

        String reason = run.expect(Outcome.REFUSED).reason();

        assertTrue(reason.contains("was replaced by another file while it was being worked on"), reason);
        assertEquals(otherWas, FileProperties.sha256(image));
        long after = FileProperties.allocatedBytes(aside);
        assertTrue(after < before - 20 * MIB && after > 20 * MIB, () -> "from " + before + " to " + after);
        FileProperties.requireCleanQcow2(aside);
        large.requireSameIn(aside, "qcow2");
    }

    private static void exchange(Path image, Path aside, Path other) {
        try {
            Files.move(image, aside);
            Files.move(other, image);
        } catch (IOException problem) {
            throw new AssertionError(problem);
        }
    }

    // What one asks for, in place or not.

    private TestRun rebuild(Path image) {
        return new TestRun(directory.resolve("runs"), image);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void anIgnoredFilesystemKeepsItsDeletedData(boolean inPlace) throws IOException {
        GuestDisk disk = GuestDisk.shared();
        Path image = disk.imageIn(place.resolve("disk.qcow2"), "qcow2");
        TestRun run = inPlace ? run(image) : rebuild(image);

        ShrinkReport report = run.ignore("sda1").expect(Outcome.SHRUNK);

        assertTrue(report.reclaimedBytes() > 3 * MIB && report.reclaimedBytes() < 5 * MIB, report::toString);
        long left = disk.requireSameIn(image, "qcow2");
        assertTrue(left > 15 * MIB, () -> left + " bytes left");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aPartitionGivenUpReadsAsZeroAndTheOtherIsKept(boolean inPlace) throws IOException {
        GuestDisk disk = GuestDisk.shared();
        Path image = disk.imageIn(place.resolve("disk.qcow2"), "qcow2");
        TestRun run = inPlace ? run(image) : rebuild(image);

        run.zero("sda1").ignore("sda2").expect(Outcome.SHRUNK);

        assertTrue(isZero(image, GuestDisk.EXT4_START, GuestDisk.EXT4_BYTES));
        assertFalse(isZero(image, GuestDisk.SWAP_START, 4096));
        assertTrue(FileProperties.allocatedBytes(image) < 6 * MIB);
        FileProperties.requireCleanQcow2(image);
    }

    private static boolean isZero(Path image, long start, long length) throws IOException {
        String read = "read -P 0 " + start + " " + length;
        ExternalTool.Result result =
                ExternalTool.attempt("", "qemu-io", "-r", "-f", "qcow2", "-c", read, image.toString());
        return result.exitCode() == 0;
    }

    @ParameterizedTest
    @ValueSource(strings = {"sda", "sda7", "sdb1"})
    void onlyPartitionsThatExistAreGivenUp(String device) throws IOException {
        Path image = GuestDisk.shared().imageIn(place.resolve("disk.qcow2"), "qcow2");
        String before = FileProperties.sha256(image);

        String reason = rebuild(image).zero(device).expect(Outcome.REFUSED).reason();

        assertTrue(reason.contains("no partition " + device), reason);
        assertTrue(reason.contains("sda1, sda2"), reason);
        assertEquals(before, FileProperties.sha256(image));
    }

    @Test
    void aWholeDiskIsNotGivenUp() throws IOException {
        Path raw = ExternalTool.sparse(place.resolve("bare.img"), 16 * MIB);
        ExternalTool.run("mke2fs", "-q", "-F", "-t", "ext4", raw.toString());
        String before = FileProperties.sha256(raw);

        String reason = rebuild(raw)
                .format(ImageFormat.RAW)
                .zero("sda")
                .expect(Outcome.REFUSED)
                .reason();

        assertTrue(reason.contains("whole disk"), reason);
        assertEquals(before, FileProperties.sha256(raw));
    }

    @Test
    void aMountedFilesystemIsNotGivenUp() throws IOException {
        GuestDisk disk = GuestDisk.make(directory, "dirty.raw", 4);
        // As after a crash: the journal is to be replayed.
        disk.markDirty();
        Path image = disk.imageIn(place.resolve("disk.qcow2"), "qcow2");
        String before = FileProperties.sha256(image);

        String reason = rebuild(image).zero("sda1").expect(Outcome.REFUSED).reason();

        assertTrue(reason.contains("the content of sda1 is not given up: it is in use"), reason);
        assertEquals(before, FileProperties.sha256(image));
    }

    @Test
    void aPartOfAVolumeGroupIsNotGivenUp() throws IOException {
        Path raw = ExternalTool.sparse(place.resolve("lvm.img"), 32 * MIB);
        ExternalTool.run("sgdisk", "-n=1:2048:+20M", "-t=1:8e00", raw.toString());
        Path volume = ExternalTool.sparse(directory.resolve("volume"), 20 * MIB);
        makePhysicalVolume(volume);
        ExternalTool.run(
                "dd", "status=none", "if=" + volume, "of=" + raw, "bs=1M", "seek=1", "count=1", "conv=notrunc");
        String before = FileProperties.sha256(raw);

        String reason = rebuild(raw)
                .format(ImageFormat.RAW)
                .zero("sda1")
                .expect(Outcome.REFUSED)
                .reason();

        assertTrue(reason.contains("LVM2_member"), reason);
        assertEquals(before, FileProperties.sha256(raw));
    }

    /** pvcreate only takes devices; this is what of it is looked at. */
    private static void makePhysicalVolume(Path volume) throws IOException {
        byte[] label = new byte[512];
        byte[] words = "LABELONE\1\0\0\0\0\0\0\0\0\0\0\0\40\0\0\0LVM2 001".getBytes(StandardCharsets.ISO_8859_1);
        System.arraycopy(words, 0, label, 0, words.length);
        try (RandomAccessFile file = new RandomAccessFile(volume.toFile(), "rw")) {
            file.seek(512);
            file.write(label);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aDryRunEstimatesAndWritesNothing(boolean inPlace) throws IOException {
        Path image = GuestDisk.shared().imageIn(place.resolve("disk.qcow2"), "qcow2");
        String before = state(image);
        TestRun run = inPlace ? run(image) : rebuild(image);

        ShrinkReport report = run.dryRun().expect(Outcome.NOTHING_TO_GAIN);

        assertTrue(report.reclaimableBytes() > 19 * MIB, report::toString);
        assertEquals(report.before(), report.after());
        assertEquals(before, state(image));
        run.requireNothingLeft();
    }

    /** Names and times of everything there: what is made and removed again changes the directory's. */
    private String state(Path image) throws IOException {
        try (Stream<Path> entries = Files.list(place)) {
            return entries.sorted().toList()
                    + ExternalTool.run("stat", "--format=%n %s %b %y %z", place.toString(), image.toString())
                    + FileProperties.sha256(image);
        }
    }

    @Test
    void theOriginalIsKeptUnderASuffix() throws IOException {
        GuestDisk disk = GuestDisk.shared();
        Path image = disk.imageIn(place.resolve("disk.qcow2"), "qcow2");
        Path kept = place.resolve("disk.qcow2.orig");
        long inode = FileProperties.inode(image);
        String attributes = FileProperties.attributes(image);
        String content = FileProperties.sha256(image);

        TestRun run = rebuild(image).keepOriginal(".orig");
        ShrinkReport report = run.expect(Outcome.SHRUNK);

        assertEquals(inode, FileProperties.inode(kept));
        assertEquals(content, FileProperties.sha256(kept));
        assertEquals(attributes, FileProperties.attributes(kept));
        assertEquals(attributes, FileProperties.attributes(image));
        assertTrue(report.notes().toString().contains(kept.toString()), report.notes()::toString);
        disk.requireSameIn(image, "qcow2");
        run.requireNothingLeft();
    }

    @Test
    void aBackupThatExistsIsNeverOverwritten() throws IOException {
        Path image = GuestDisk.shared().imageIn(place.resolve("disk.qcow2"), "qcow2");
        Path kept = Files.writeString(place.resolve("disk.qcow2.orig"), "precious");
        String before = FileProperties.sha256(image);

        String reason =
                rebuild(image).keepOriginal(".orig").expect(Outcome.REFUSED).reason();

        assertTrue(reason.contains("disk.qcow2.orig exists already"), reason);
        assertEquals("precious", Files.readString(kept));
        assertEquals(before, FileProperties.sha256(image));
    }

    @Test
    void aFailedRunLeavesNoBackup() throws IOException {
        Path image = GuestDisk.shared().imageIn(place.resolve("disk.qcow2"), "qcow2");
        String before = FileProperties.sha256(image);
        TestRun run = rebuild(image)
                .keepOriginal(".orig")
                .when(Phase.SWAP, () -> Files.setLastModifiedTime(image, FileTime.fromMillis(1)));

        run.expect(Outcome.REFUSED);

        assertFalse(Files.exists(place.resolve("disk.qcow2.orig")));
        assertEquals(before, FileProperties.sha256(image));
        run.requireNothingLeft();
    }

    @Test
    void belowTheMinimumThereIsNothingToDo() throws IOException {
        Path image = GuestDisk.shared().imageIn(place.resolve("disk.qcow2"), "qcow2");
        long inode = FileProperties.inode(image);

        String bytes = rebuild(image)
                .minimumGain(new MinimumGain(100 * MIB, 0))
                .expect(Outcome.NOTHING_TO_GAIN)
                .reason();
        rebuild(image).minimumGain(new MinimumGain(0, 90)).expect(Outcome.NOTHING_TO_GAIN);

        assertTrue(bytes.contains("below the minimum"), bytes);
        assertEquals(inode, FileProperties.inode(image));
        rebuild(image).minimumGain(new MinimumGain(19 * MIB, 30)).expect(Outcome.SHRUNK);
    }
}
