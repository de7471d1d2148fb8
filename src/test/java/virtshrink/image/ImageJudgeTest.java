package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import virtshrink.image.ImageJudge.Policy;

@Timeout(60)
class ImageJudgeTest {
    private final ImageJudge judge = new ImageJudge(Tools.QEMU_IMG);

    @TempDir
    private Path temporary;

    private Path directory;

    @BeforeAll
    static void needsTools() {
        Tools.requireQemuImg();
        Tools.require("qemu-io", "qemu-utils");
    }

    @BeforeEach
    void resolveLinks() throws IOException {
        directory = temporary.toRealPath();
    }

    private Path image(String... options) throws Exception {
        return Tools.qcow2(directory, "a.qcow2", "1M", options);
    }

    private JudgedImage judge(Path image) throws IOException, ImageRefusedException {
        return judge.judge(image, ImageFormat.QCOW2, Policy.REPLACE);
    }

    /** Also proves that the judge has written nothing. */
    private void refused(Path image, String reason) throws IOException {
        refused(image, ImageFormat.QCOW2, Policy.REPLACE, reason);
    }

    private void refused(Path image, ImageFormat format, Policy policy, String reason) throws IOException {
        byte[] before = Files.readAllBytes(image);
        ImageRefusedException e = assertThrows(ImageRefusedException.class, () -> judge.judge(image, format, policy));
        assertTrue(e.getMessage().contains(reason), e.getMessage());
        assertArrayEquals(before, Files.readAllBytes(image));
    }

    @Test
    void anOrdinaryImageMayBeShrunk() throws Exception {
        Path image = image();
        JudgedImage judged = judge(image);
        assertEquals(image, judged.file());
        assertEquals(List.of(new ChainElement(image, ImageFormat.QCOW2)), judged.chain());
        assertEquals(1 << 20, judged.facts().virtualBytes());
    }

    @Test
    void aLinkIsResolvedOnce() throws Exception {
        Path there = Files.createDirectory(directory.resolve("there"));
        Path image = Tools.qcow2(there, "a.qcow2", "1M");
        Path link = Files.createSymbolicLink(directory.resolve("link"), image);
        Path again = Files.createSymbolicLink(directory.resolve("again"), link);
        assertEquals(image, judge(again).file());
    }

    @Test
    void whatIsNotThereOrNoFileOrEmptyIsRefused() throws Exception {
        Path nowhere = Files.createSymbolicLink(directory.resolve("link"), directory.resolve("gone"));
        assertThrows(ImageRefusedException.class, () -> judge(nowhere));
        assertThrows(ImageRefusedException.class, () -> judge(directory));
        Path pipe = directory.resolve("pipe");
        Tools.run(directory, "mkfifo", "pipe");
        assertThrows(ImageRefusedException.class, () -> judge(pipe));
        refused(Files.createFile(directory.resolve("empty")), ImageFormat.RAW, Policy.REPLACE, "is empty");
    }

    @Test
    void aSecondHardLinkIsRefusedUnlessItIsOurBackup() throws Exception {
        Path image = image();
        Files.createLink(directory.resolve("other"), image);
        refused(image, "has 2 hard links");
        judge.judge(image, ImageFormat.QCOW2, new Policy(false, 1, false));
        judge.judge(image, ImageFormat.QCOW2, Policy.SEPARATE_OUTPUT);
        Files.createLink(directory.resolve("third"), image);
        refused(image, ImageFormat.QCOW2, new Policy(false, 1, false), "hard links");
    }

    @ParameterizedTest
    @ValueSource(strings = {"i", "a"})
    void immutableAndAppendOnlyAreRefused(String flag) throws Exception {
        Tools.require("chattr", "e2fsprogs");
        Path image = image();
        try {
            Tools.run(directory, "chattr", "+" + flag, "a.qcow2");
        } catch (IOException e) {
            abort("chattr does not work here: " + e.getMessage());
        }
        try {
            refused(image, "(chattr +" + flag + ")");
        } finally {
            Tools.run(directory, "chattr", "-" + flag, "a.qcow2");
        }
    }

    @Test
    void preallocatedImagesAreRefusedUnlessAskedFor() throws Exception {
        Path image = image("-o", "preallocation=falloc");
        refused(image, "fully preallocated");
        judge.judge(image, ImageFormat.QCOW2, new Policy(false, 0, true));
    }

    @Test
    void internalSnapshotsAreRefused() throws Exception {
        Path image = image();
        Tools.run(directory, "qemu-img", "snapshot", "-c", "one", "a.qcow2");
        refused(image, "has 1 internal snapshot, which a rebuild would lose");
    }

    @ParameterizedTest
    @ValueSource(strings = {"encrypt.format=aes", "encrypt.format=luks,encrypt.iter-time=10"})
    void encryptionIsRefused(String options) throws Exception {
        String secret = "secret,id=s,data=x";
        String allOptions = options + ",encrypt.key-secret=s";
        try {
            Tools.run(
                    directory,
                    "qemu-img",
                    "create",
                    "-q",
                    "-f",
                    "qcow2",
                    "--object",
                    secret,
                    "-o",
                    allOptions,
                    "x",
                    "1M");
        } catch (IOException e) {
            // A busy host keeps qemu from measuring how fast it derives keys.
            assumeTrue(!e.getMessage().contains("Unable to get accurate CPU usage"), e.getMessage());
            throw e;
        }
        refused(directory.resolve("x"), "is encrypted");
    }

    @Test
    void anExternalDataFileIsRefused() throws Exception {
        refused(image("-o", "data_file=data.raw"), "external data file");
        Tools.qcow2(directory, "raw-data.qcow2", "1M", "-o", "data_file=data2.raw,data_file_raw=on");
        refused(directory.resolve("raw-data.qcow2"), "external data file");
    }

    @Test
    void theCorruptBitIsRefused() throws Exception {
        Path image = image();
        Tools.patch(image, 79, 2);
        refused(image, "is marked as corrupt");
    }

    @Test
    void theDirtyBitIsRefused() throws Exception {
        Path image = image();
        Tools.patch(image, 79, 1);
        refused(image, "was not closed properly (dirty bit)");
    }

    @Test
    void aDirtyImageWithLazyRefcountsIsJudgedByItsCounts() throws Exception {
        Path image = image("-o", "lazy_refcounts=on");
        Tools.qemuIo(image, "write 0 64k");
        Tools.patch(image, 79, 1);
        judge(image);
        Tools.patch(image, 2 * 65536 + 2 * 5, 0, 0); // reference count of the data cluster
        refused(image, "is damaged: qemu-img check finds");
    }

    @Test
    void unknownFeaturesAreRefused() throws Exception {
        Path image = image();
        Tools.patch(image, 72, 0x80);
        refused(image, "unknown incompatible feature (bit 63)");
        Tools.patch(image, 72, 0);
        Tools.patch(image, 95, 8);
        refused(image, "unknown autoclear feature (bit 3)");
    }

    @Test
    void inconsistentBitmapsAreRefused() throws Exception {
        Path image = image();
        Tools.run(directory, "qemu-img", "bitmap", "--add", "a.qcow2", "backup");
        judge(image);
        byte[] bytes = Files.readAllBytes(image);
        int name = new String(bytes, StandardCharsets.ISO_8859_1).lastIndexOf("backup");
        Tools.patch(image, name - 24 + 15, 3); // flags of the directory entry: in use, auto
        refused(image, "has the inconsistent bitmap backup");
        Tools.patch(image, 95, 0); // as a program does that knows no bitmaps
        refused(image, "bitmaps that another program has made inconsistent");
    }

    @Test
    void damageIsRefusedAndLeaksAreNot() throws Exception {
        Path image = image();
        Tools.qemuIo(image, "write 0 64k");
        Tools.run(directory, "truncate", "-s", "1M", "a.qcow2");
        Tools.patch(image, 2 * 65536 + 2 * 6, 0, 1); // counts a cluster that nobody uses
        judge(image);
        Tools.patch(image, 2 * 65536 + 2 * 5, 0, 0); // and not one that somebody does
        refused(image, "is damaged: qemu-img check finds 2 corruptions and 0 errors");
    }

    @Test
    void compat010WithABackingFileIsRefused() throws Exception {
        Tools.qcow2(directory, "base.qcow2", "1M");
        Path top = Tools.overlay(directory, "top.qcow2", "base.qcow2", "-o", "compat=0.10");
        refused(top, "compat 0.10");
        judge(image("-o", "compat=0.10"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"base.qcow2", "./base.qcow2", "../d/base.qcow2", "file:base.qcow2", "json", "link"})
    void aBackingFileOfAnotherImageInTheDirectoryIsRefused(String name) throws Exception {
        Path d = Files.createDirectory(directory.resolve("d"));
        Path base = Tools.qcow2(d, "base.qcow2", "1M");
        Files.createSymbolicLink(d.resolve("link"), base);
        Tools.qcow2(d, "top.qcow2", "1M");
        String json = "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"base.qcow2\"}}";
        Tools.run(
                d,
                "qemu-img",
                "rebase",
                "-u",
                "-f",
                "qcow2",
                "-F",
                "qcow2",
                "-b",
                name.equals("json") ? json : name,
                "top.qcow2");
        refused(base, base + " is the backing file of " + d.resolve("top.qcow2"));
        judge.judge(base, ImageFormat.QCOW2, Policy.SEPARATE_OUTPUT);
        judge(Files.move(d.resolve("top.qcow2"), d.resolve(".base.qcow2.virt-shrink-1a2b.overlay.qcow2"))
                .resolveSibling("base.qcow2"));
    }

    @Test
    void anOverlayBesideTheLinkCountsToo() throws Exception {
        Path there = Files.createDirectory(directory.resolve("there"));
        Path base = Tools.qcow2(there, "base.qcow2", "1M");
        Path link = Files.createSymbolicLink(directory.resolve("link.qcow2"), base);
        Path top = Tools.overlay(directory, "top.qcow2", "link.qcow2");
        refused(link, "is the backing file of " + top);
    }

    @Test
    void aBrokenHeaderBesideItStillCounts() throws Exception {
        Path base = Tools.qcow2(directory, "base.qcow2", "1M");
        Path top = Tools.overlay(directory, "top.qcow2", "base.qcow2");
        Tools.patch(top, 4, 0, 0, 0, 9);
        refused(base, "is the backing file of " + top);
    }

    @Test
    void otherNeighboursDoNotMatter() throws Exception {
        Path image = image();
        Path other = Tools.qcow2(directory, "other.qcow2", "1M");
        Tools.overlay(directory, "top.qcow2", "other.qcow2");
        Files.delete(other);
        Files.write(directory.resolve("short"), new byte[] {'Q', 'F', 'I', (byte) 0xfb});
        Files.createFile(directory.resolve("empty"));
        Files.createSymbolicLink(directory.resolve("dangling"), directory.resolve("gone"));
        Tools.run(directory, "mkfifo", "pipe");
        judge(image);
    }

    @Test
    void anOverlayIsNoObstacleToItself() throws Exception {
        Path base = Tools.qcow2(directory, "base.qcow2", "1M");
        Path top = Tools.overlay(directory, "top.qcow2", "base.qcow2");
        assertEquals(2, judge(top).chain().size());
        refused(base, "is the backing file of");
    }

    @ParameterizedTest
    @ValueSource(strings = {"vmdk", "vdi", "vhdx", "vpc"})
    void otherFormatsNeedAnOutput(String name) throws Exception {
        ImageFormat format = ImageFormat.ofQemuName(name).orElseThrow();
        Tools.run(directory, "qemu-img", "create", "-q", "-f", name, "a", "16M");
        Path image = directory.resolve("a");
        refused(image, format, Policy.REPLACE, "name an output");
        judge.judge(image, format, Policy.SEPARATE_OUTPUT);
    }

    @Test
    void vmdksThatNameOtherFilesAreRefused() throws Exception {
        Tools.run(
                directory,
                "qemu-img",
                "create",
                "-q",
                "-f",
                "vmdk",
                "-o",
                "subformat=monolithicFlat",
                "flat.vmdk",
                "1M");
        refused(directory.resolve("flat.vmdk"), ImageFormat.VMDK, Policy.SEPARATE_OUTPUT, "VMDK of several files");
        Tools.run(directory, "qemu-img", "create", "-q", "-f", "vmdk", "base.vmdk", "1M");
        Tools.run(directory, "qemu-img", "create", "-q", "-f", "vmdk", "-b", "base.vmdk", "-F", "vmdk", "top.vmdk");
        refused(directory.resolve("top.vmdk"), ImageFormat.VMDK, Policy.SEPARATE_OUTPUT, "stands on another image");
        Tools.run(
                directory,
                "qemu-img",
                "convert",
                "-f",
                "vmdk",
                "-O",
                "vmdk",
                "-o",
                "subformat=streamOptimized",
                "top.vmdk",
                "s.vmdk");
        judge.judge(directory.resolve("s.vmdk"), ImageFormat.VMDK, Policy.SEPARATE_OUTPUT);
        Tools.patch(directory.resolve("base.vmdk"), 12, 0, 0, 0, 0, 0, 0, 0, 0);
        refused(directory.resolve("base.vmdk"), ImageFormat.VMDK, Policy.SEPARATE_OUTPUT, "describes other files");
    }

    @Test
    void differencingVhdsAreRefused() throws Exception {
        Tools.run(directory, "qemu-img", "create", "-q", "-f", "vpc", "a.vhd", "1M");
        Path image = directory.resolve("a.vhd");
        Tools.patch(image, 63, 4);
        refused(image, ImageFormat.VPC, Policy.SEPARATE_OUTPUT, "differencing VHD");
    }

    @Test
    void aRawDiskThatImitatesQcow2StaysRaw() throws Exception {
        Path image = image();
        Tools.patch(image, 79, 2);
        JudgedImage judged = judge.judge(image, ImageFormat.RAW, Policy.REPLACE);
        assertEquals(ImageFormat.RAW, judged.facts().format());
        assertEquals(1, judged.chain().size());
    }

    @Test
    void aRawDiskUnderAQcow2OverlayIsRefused() throws Exception {
        Path raw = Files.write(directory.resolve("base.raw"), new byte[1 << 20]);
        Path top = Tools.qcow2(directory, "top.qcow2", "1M", "-b", "base.raw", "-F", "raw");
        refused(raw, ImageFormat.RAW, Policy.REPLACE, "is the backing file of " + top);
    }
}
