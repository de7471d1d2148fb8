package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.block.ExternalTool;
import virtshrink.image.ImageFormat;

/** Every kind of image keeps what the guest sees and what the image is, gives back what was free, and never grows. */
class ShrinkImageKindsTest {
    private static final long MIB = 1 << 20;

    @TempDir
    Path directory;

    private Path image;
    private Path runs;

    @BeforeAll
    static void tools() {
        GuestDisk.assumeTools();
    }

    @BeforeEach
    void place() throws IOException {
        image = Files.createDirectory(directory.resolve("images")).resolve("disk.qcow2");
        runs = directory.resolve("runs");
    }

    private TestRun run() {
        return new TestRun(runs, image);
    }

    /** Shrinks in place of itself and holds everything against what was before. */
    private ShrinkReport shrinkAndCompare(GuestDisk disk, long leastGain, long mostLeft) throws IOException {
        Map<String, Object> info = FileProperties.info(image, "qcow2");
        String attributes = FileProperties.attributes(image);
        long before = FileProperties.allocatedBytes(image);

        TestRun run = run();
        ShrinkReport report = run.expect(Outcome.SHRUNK);

        long after = FileProperties.allocatedBytes(image);
        assertTrue(before - after >= leastGain, () -> "from " + before + " to " + after);
        assertEquals(before, report.before().allocatedBytes());
        assertEquals(after, report.after().allocatedBytes());
        assertEquals(info, FileProperties.info(image, "qcow2"));
        assertEquals(attributes, FileProperties.attributes(image));
        long left = disk.requireSameIn(image, "qcow2");
        assertTrue(left <= mostLeft, () -> left + " bytes of free space are still there");
        FileProperties.requireCleanQcow2(image);
        run.requireNothingLeft();
        return report;
    }

    static Stream<String> optionsThatStay() {
        return Stream.of(
                "compat=1.1",
                "cluster_size=512",
                "cluster_size=4k",
                "cluster_size=2M",
                "extended_l2=on",
                "extended_l2=on,cluster_size=128k",
                "compat=0.10",
                "compat=0.10,cluster_size=4k",
                "lazy_refcounts=on",
                "refcount_bits=1",
                "refcount_bits=64",
                "compression_type=zstd");
    }

    @ParameterizedTest
    @MethodSource("optionsThatStay")
    void propertiesOfTheImageStay(String options) throws IOException {
        GuestDisk disk = GuestDisk.shared();
        disk.imageIn(image, "qcow2", "-o", options);
        boolean large = options.equals("cluster_size=2M");
        // The ends of free space that a cluster shares with something in use stay.
        shrinkAndCompare(disk, large ? 14 * MIB : 19 * MIB, large ? 8 * MIB : MIB);
    }

    @ParameterizedTest
    @ValueSource(strings = {"zlib", "zstd"})
    void aCompressedImageStaysCompressed(String type) throws IOException {
        GuestDisk disk = GuestDisk.shared();
        disk.imageIn(image, "qcow2", "-c", "-o", "compression_type=" + type);
        long clusters = compressedClusters();

        shrinkAndCompare(disk, 9 * MIB, MIB);

        assertTrue(compressedClusters() > 0 && compressedClusters() < clusters);
    }

    private long compressedClusters() throws IOException {
        String said = ExternalTool.run("qemu-img", "check", "-f", "qcow2", image.toString());
        Matcher share = Pattern.compile("([0-9.]+)% compressed").matcher(said);
        Matcher count = Pattern.compile("(\\d+)/\\d+ = ").matcher(said);
        assertTrue(share.find() && count.find(), said);
        return Math.round(Double.parseDouble(share.group(1)) * Long.parseLong(count.group(1)) / 100);
    }

    @Test
    void anImageCompressedInPartIsNotCompressedAsAWholeAndDoesNotGrow() throws IOException {
        GuestDisk disk = GuestDisk.shared();
        disk.imageIn(image, "qcow2", "-c");
        // What the guest has written since is not compressed: here, most of it.
        GuestDisk later = disk.later(directory.resolve("later.raw"), 1);
        rewrite(later, image);
        long before = FileProperties.allocatedBytes(image);

        ShrinkReport report = run().run();

        assertTrue(FileProperties.allocatedBytes(image) <= before, report::toString);
        later.requireSameIn(image, "qcow2");
    }

    /** Writes the whole of the ext4's used part once more through qemu. */
    private void rewrite(GuestDisk disk, Path target) throws IOException {
        ExternalTool.run(
                "qemu-img",
                "convert",
                "-n",
                "-f",
                "raw",
                "-O",
                "qcow2",
                disk.raw().toString(),
                target.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"relative", "absolute"})
    void anOverlayStaysAnOverlayOnTheSameBackingFile(String name) throws IOException {
        GuestDisk first = GuestDisk.shared();
        GuestDisk second = first.later(directory.resolve("second.raw"), 2);
        Path base = first.imageIn(image.resolveSibling("base.qcow2"), "qcow2");
        second.layerOn(first, image, name.equals("relative") ? "base.qcow2" : base.toString(), "qcow2");
        String baseBefore = FileProperties.sha256(base);

        ShrinkReport report = shrinkAndCompare(second, 4 * MIB, 30 * MIB);

        // What only the backing file holds is neither counted nor zeroed.
        assertTrue(report.reclaimableBytes() < 7 * MIB, report::toString);
        assertEquals(baseBefore, FileProperties.sha256(base));
    }

    @ParameterizedTest
    @ValueSource(strings = {"extended_l2=on", "cluster_size=512", "cluster_size=2M", "lazy_refcounts=on"})
    void overlaysOfManyKindsStayWhatTheyAre(String options) throws IOException {
        GuestDisk first = GuestDisk.shared();
        GuestDisk second = first.later(directory.resolve("second.raw"), 2);
        first.imageIn(image.resolveSibling("base.qcow2"), "qcow2");
        second.layerOn(first, image, "base.qcow2", "qcow2", "-o", options);

        shrinkAndCompare(second, options.equals("cluster_size=2M") ? MIB : 4 * MIB, 30 * MIB);
    }

    @Test
    void aChainOfThreeLosesOnlyTheTopmostLayersDeletedData() throws IOException {
        GuestDisk first = GuestDisk.shared();
        GuestDisk second = first.later(directory.resolve("second.raw"), 2);
        GuestDisk third = second.later(directory.resolve("third.raw"), 3);
        Path base = Files.createDirectory(directory.resolve("images/bases")).resolve("base.img");
        Files.copy(first.raw(), base);
        Path middle = second.layerOn(first, image.resolveSibling("bases/middle.qcow2"), base.toString(), "raw");
        third.layerOn(second, image, "bases/middle.qcow2", "qcow2");
        String below = FileProperties.sha256(base) + FileProperties.sha256(middle);

        ShrinkReport report = shrinkAndCompare(third, 4 * MIB, 30 * MIB);

        assertTrue(report.reclaimableBytes() < 7 * MIB, report::toString);
        assertEquals(below, FileProperties.sha256(base) + FileProperties.sha256(middle));
    }

    @Test
    void aBackingFileShorterThanTheDiskEndsInZeros() throws IOException {
        GuestDisk first = GuestDisk.shared();
        GuestDisk second = first.later(directory.resolve("second.raw"), 2);
        Path shortened = image.resolveSibling("base.img");
        Files.copy(first.raw(), shortened);
        // An odd end in the middle of the deleted data.
        try (RandomAccessFile base = new RandomAccessFile(shortened.toFile(), "rw")) {
            base.setLength(21 * MIB + 3 * 512);
        }
        second.layerOn(GuestDisk.in(shortened), image, "base.img", "raw");

        shrinkAndCompare(second, 4 * MIB, 30 * MIB);
    }

    @Test
    void anImageThatOthersStandOnIsRefused() throws IOException {
        GuestDisk first = GuestDisk.shared();
        first.imageIn(image, "qcow2");
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
                image.resolveSibling("top.qcow2").toString());
        String before = FileProperties.sha256(image);

        ShrinkReport report = run().expect(Outcome.REFUSED);

        assertTrue(report.reason().contains("is the backing file of"), report::reason);
        assertEquals(before, FileProperties.sha256(image));
    }

    @Test
    void bitmapsKeepTheirBitsGranularityAndState() throws IOException {
        ExternalTool.assume("nbdinfo", "libnbd-bin");
        GuestDisk disk = GuestDisk.shared();
        disk.imageIn(image, "qcow2");
        String file = image.toString();
        ExternalTool.run("qemu-img", "bitmap", "--add", "-f", "qcow2", file, "nightly");
        ExternalTool.run("qemu-img", "bitmap", "--add", "-g", "4096", "-f", "qcow2", file, "fine, really");
        rewriteSome("17M", "30M");
        ExternalTool.run("qemu-img", "bitmap", "--disable", "-f", "qcow2", file, "fine, really");
        rewriteSome("2M");
        List<String> before = List.of(bits("nightly"), bits("fine, really"));
        assertTrue(before.get(0).lines().count() > 4 && before.get(1).lines().count() > 4, before::toString);

        shrinkAndCompare(disk, 18 * MIB, MIB);

        assertEquals(before, List.of(bits("nightly"), bits("fine, really")));
    }

    /** Same content, but the bitmaps take note. */
    private void rewriteSome(String... offsets) throws IOException {
        for (String offset : offsets) {
            Path piece = directory.resolve("piece");
            ExternalTool.run(
                    "dd",
                    "status=none",
                    "if=" + GuestDisk.shared().raw(),
                    "of=" + piece,
                    "bs=1M",
                    "count=1",
                    "skip=" + offset.replace("M", ""));
            ExternalTool.run(
                    "qemu-io", "-f", "qcow2", "-c", "write -s " + piece + " " + offset + " 70k", image.toString());
        }
    }

    private String bits(String bitmap) throws IOException {
        return ExternalTool.run(
                "nbdinfo",
                "--map=qemu:dirty-bitmap:" + bitmap,
                "--",
                "[",
                "qemu-nbd",
                "-r",
                "-f",
                "qcow2",
                "-B",
                bitmap,
                image.toString(),
                "]");
    }

    @Test
    void anOverlayKeepsItsBitmapsToo() throws IOException {
        ExternalTool.assume("nbdinfo", "libnbd-bin");
        GuestDisk first = GuestDisk.shared();
        GuestDisk second = first.later(directory.resolve("second.raw"), 2);
        first.imageIn(image.resolveSibling("base.qcow2"), "qcow2");
        second.layerOn(first, image, "base.qcow2", "qcow2");
        ExternalTool.run("qemu-img", "bitmap", "--add", "-f", "qcow2", image.toString(), "nightly");
        ExternalTool.run("qemu-io", "-f", "qcow2", "-c", "write -z 60M 70k", image.toString());
        String before = bits("nightly");
        assertTrue(before.lines().count() > 2, before);

        shrinkAndCompare(second, 4 * MIB, 30 * MIB);

        assertEquals(before, bits("nightly"));
    }

    @Test
    void anInconsistentBitmapIsRefusedWithTheCommandThatRemovesIt() throws IOException {
        GuestDisk.shared().imageIn(image, "qcow2");
        ExternalTool.run("qemu-img", "bitmap", "--add", "-f", "qcow2", image.toString(), "nightly");
        // The writer dies and the bitmap stays marked as in use.
        ExternalTool.attempt("", "qemu-io", "-f", "qcow2", "-c", "write -z 60M 64k", "-c", "abort", image.toString());
        String before = FileProperties.sha256(image);

        ShrinkReport report = run().expect(Outcome.REFUSED);

        assertTrue(report.reason().contains("qemu-img bitmap --remove"), report::reason);
        assertEquals(before, FileProperties.sha256(image));
    }

    @Test
    void anAlmostFullFilesystemNeverGrowsTheImage() throws IOException {
        GuestDisk full = GuestDisk.shared().nearlyFull(directory.resolve("full.raw"));
        full.imageIn(image, "qcow2");
        long before = FileProperties.allocatedBytes(image);

        // The swap alone still has something to give.
        run().expect(Outcome.SHRUNK);
        long once = FileProperties.allocatedBytes(image);
        assertTrue(once < before);
        run().expect(Outcome.NOTHING_TO_GAIN);

        assertEquals(once, FileProperties.allocatedBytes(image));
        full.requireSameIn(image, "qcow2");
    }

    @Test
    void anImageThatIsShrunkAlreadyIsLeftAsItIs() throws IOException {
        GuestDisk.shared().imageIn(image, "qcow2");
        run().expect(Outcome.SHRUNK);
        long inode = FileProperties.inode(image);

        ShrinkReport report = run().expect(Outcome.NOTHING_TO_GAIN);

        assertEquals("free space holds no data", report.reason());
        assertEquals(inode, FileProperties.inode(image));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 511, 513})
    void aSparseRawImageOfAnyLengthIsReplacedByASparserOne(int oddBytes) throws IOException {
        GuestDisk disk = GuestDisk.shared();
        image = image.resolveSibling("disk.img");
        ExternalTool.run("cp", "--sparse=always", disk.raw().toString(), image.toString());
        long length = disk.sizeBytes() + oddBytes;
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(length);
            if (oddBytes > 0) {
                file.seek(length - 1);
                file.write(0x55);
            }
        }
        String attributes = FileProperties.attributes(image);
        long before = FileProperties.allocatedBytes(image);

        TestRun run = run().format(ImageFormat.RAW);
        run.expect(Outcome.SHRUNK);

        assertEquals(length, Files.size(image));
        assertTrue(before - FileProperties.allocatedBytes(image) > 19 * MIB);
        assertEquals(attributes, FileProperties.attributes(image));
        disk.requireSameIn(image, "raw");
        if (oddBytes > 0) {
            try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "r")) {
                file.seek(length - 1);
                assertEquals(0x55, file.read());
            }
        }
        run.requireNothingLeft();
    }

    @Test
    void aRawImageFullyWrittenIsSparseAfterwards() throws IOException {
        GuestDisk disk = GuestDisk.shared();
        image = image.resolveSibling("disk.img");
        ExternalTool.run("cp", "--sparse=never", disk.raw().toString(), image.toString());

        run().format(ImageFormat.RAW).expect(Outcome.SHRUNK);

        assertTrue(FileProperties.allocatedBytes(image) < 20 * MIB);
        disk.requireSameIn(image, "raw");
    }

    @Test
    void aRawImageThatBeginsLikeQcow2StaysRaw() throws IOException {
        GuestDisk disk = GuestDisk.make(directory, "liar.raw", 5);
        image = image.resolveSibling("disk.img");
        Files.copy(disk.raw(), image);
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw");
                RandomAccessFile expected = new RandomAccessFile(disk.raw().toFile(), "rw")) {
            // The boot code's place: a qcow2 header with a backing file somewhere else.
            byte[] header = {'Q', 'F', 'I', (byte) 0xfb, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 11};
            file.write(header);
            expected.write(header);
        }

        run().format(ImageFormat.RAW).expect(Outcome.SHRUNK);

        disk.requireSameIn(image, "raw");
    }

    @Test
    void aPhysicalDisksCopyBecomesASmallQcow2() throws IOException {
        GuestDisk disk = GuestDisk.shared();
        image = image.resolveSibling("disk.img");
        ExternalTool.run("cp", "--sparse=never", disk.raw().toString(), image.toString());
        String before = FileProperties.sha256(image);
        Path output = Files.createDirectory(directory.resolve("out")).resolve("disk.qcow2");

        TestRun run = run().format(ImageFormat.RAW)
                .output(output)
                .convertTo(ImageFormat.QCOW2)
                .compress();
        run.expect(Outcome.SHRUNK);

        assertEquals(before, FileProperties.sha256(image));
        assertTrue(FileProperties.allocatedBytes(output) < 8 * MIB);
        disk.requireSameIn(output, "qcow2");
        FileProperties.requireCleanQcow2(output);
        run.requireNothingLeft();
    }

    @Test
    void aRawImageConvertedInPlaceOfItselfIsQcow2UnderItsOldName() throws IOException {
        GuestDisk disk = GuestDisk.shared();
        image = image.resolveSibling("disk.img");
        Files.copy(disk.raw(), image);
        String attributes = FileProperties.attributes(image);

        TestRun run = run().format(ImageFormat.RAW).convertTo(ImageFormat.QCOW2);
        ShrinkReport report = run.expect(Outcome.SHRUNK);

        disk.requireSameIn(image, "qcow2");
        assertEquals(attributes, FileProperties.attributes(image));
        assertTrue(report.notes().toString().contains("the file is qcow2 now"), report::toString);
        run.requireNothingLeft();
    }

    static Stream<String> foreignFormats() {
        return Stream.of("vmdk", "vdi", "vhdx", "vpc");
    }

    @ParameterizedTest
    @MethodSource("foreignFormats")
    void imagesOfOtherHypervisorsBecomeQcow2OrShrinkIntoTheirOwnKind(String format) throws IOException {
        GuestDisk disk = GuestDisk.shared();
        Path source = disk.imageIn(image.resolveSibling("disk." + format), format);
        String before = FileProperties.sha256(source);
        image = source;
        ImageFormat foreign = ImageFormat.ofQemuName(format).orElseThrow();
        Path qcow2 = image.resolveSibling("out.qcow2");
        Path same = image.resolveSibling("out." + format);

        TestRun toQcow2 = run().format(foreign).output(qcow2).convertTo(ImageFormat.QCOW2);
        toQcow2.expect(Outcome.SHRUNK);
        run().format(foreign).output(same).expect(Outcome.SHRUNK);

        disk.requireSameIn(qcow2, "qcow2");
        disk.requireSameIn(same, format);
        assertTrue(FileProperties.allocatedBytes(qcow2) < FileProperties.allocatedBytes(source) - 19 * MIB);
        assertTrue(FileProperties.allocatedBytes(same) < FileProperties.allocatedBytes(source) - 14 * MIB);
        assertEquals(before, FileProperties.sha256(source));
        toQcow2.requireNothingLeft();

        assertTrue(run().format(foreign).expect(Outcome.REFUSED).reason().contains("cannot replace itself"));
    }

    @Test
    void optionsOfTheUserComeOnTopOfTheImagesProperties() throws IOException {
        GuestDisk disk = GuestDisk.shared();
        disk.imageIn(image, "qcow2", "-o", "refcount_bits=32");
        Path output = image.resolveSibling("out.qcow2");

        run().output(output)
                .createOptions("cluster_size=4k", "lazy_refcounts=on")
                .expect(Outcome.SHRUNK);

        String info = FileProperties.info(output, "qcow2").toString();
        assertTrue(info.contains("cluster-size=4096") && info.contains("refcount-bits=32"), info);
        assertTrue(info.contains("lazy-refcounts=true"), info);
        disk.requireSameIn(output, "qcow2");
    }

    @Test
    void anOverlayWrittenToAnotherDirectoryStillFindsItsBackingFile() throws IOException {
        GuestDisk first = GuestDisk.shared();
        GuestDisk second = first.later(directory.resolve("second.raw"), 2);
        first.imageIn(image.resolveSibling("base.qcow2"), "qcow2");
        second.layerOn(first, image, "base.qcow2", "qcow2");
        Path output = Files.createDirectory(directory.resolve("out")).resolve("disk.qcow2");

        run().output(output).expect(Outcome.SHRUNK);

        second.requireSameIn(output, "qcow2");
        assertTrue(FileProperties.allocatedBytes(output) < FileProperties.allocatedBytes(image));
        assertTrue(FileProperties.info(output, "qcow2").containsKey("backing-filename"));
    }

    @Test
    void withoutAFillerOnlyZerosAreGivenBack() throws IOException {
        GuestDisk disk = GuestDisk.shared();
        disk.imageIn(image, "qcow2", "-S", "0");
        // A fully allocated image would be taken for one that somebody preallocated.
        ExternalTool.run("qemu-io", "-f", "qcow2", "-c", "discard 60M 1M", image.toString());

        run().withoutFiller().expect(Outcome.SHRUNK);

        long left = disk.requireSameIn(image, "qcow2");
        assertTrue(left > 19 * MIB, () -> left + " bytes");
        assertFalse(FileProperties.allocatedBytes(image) > 40 * MIB);
    }
}
