package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class QemuImgTest {
    private static final QemuImg QEMU_IMG = Tools.QEMU_IMG;

    @TempDir
    private Path directory;

    @BeforeAll
    static void needsTools() {
        Tools.requireQemuImg();
        Tools.require("qemu-io", "qemu-utils");
    }

    @Test
    void infoHasSizeAndBitmaps() throws Exception {
        Path image = Tools.qcow2(directory, "a.qcow2", "64M");
        Tools.run(directory, "qemu-img", "bitmap", "--add", "-g", "32k", "a.qcow2", "one");
        Tools.run(directory, "qemu-img", "bitmap", "--add", "--disable", "a.qcow2", "two");
        ImageInfo info = QEMU_IMG.info(image, ImageFormat.QCOW2);
        assertEquals(64 << 20, info.virtualBytes());
        assertEquals(OptionalLong.of(65536), info.clusterBytes());
        assertEquals(
                List.of(
                        new PersistentBitmap("one", 32768, true, false),
                        new PersistentBitmap("two", 65536, false, false)),
                info.bitmaps());
    }

    @Test
    void infoDoesNotOpenTheBackingFile() throws Exception {
        Tools.qcow2(directory, "base.qcow2", "1M");
        Path overlay = Tools.overlay(directory, "top.qcow2", "base.qcow2");
        Files.delete(directory.resolve("base.qcow2"));
        assertEquals(1 << 20, QEMU_IMG.info(overlay, ImageFormat.QCOW2).virtualBytes());
        assertTrue(QEMU_IMG.check(overlay, ImageFormat.QCOW2).orElseThrow().sound());
    }

    @Test
    void aNameFullOfMeaningIsOnlyAName() throws Exception {
        Path image = Tools.qcow2(directory, "plain.qcow2", "1M");
        for (String name : List.of("a,b=c.qcow2", "nbd:x:1", "json:{}", "-f", "a \"q\" \\.qcow2", "%s{}'")) {
            Path odd = Files.copy(image, directory.resolve(name));
            assertEquals(1 << 20, QEMU_IMG.info(odd, ImageFormat.QCOW2).virtualBytes(), name);
            Path copy = directory.resolve(name + ".copy");
            QEMU_IMG.convert(
                    ImageNode.of(odd, ImageFormat.QCOW2), copy, ImageFormat.QCOW2, List.of(), List.of(), p -> {});
            assertTrue(Files.exists(copy), name);
        }
    }

    @Test
    void aFormatIsNeverProbed() throws Exception {
        Path image = Tools.qcow2(directory, "a.qcow2", "1M");
        long sectors = (Files.size(image) + 511) / 512;
        assertEquals(sectors * 512, QEMU_IMG.info(image, ImageFormat.RAW).virtualBytes());
    }

    @Test
    void checkCountsClusters() throws Exception {
        Path image = Tools.qcow2(directory, "a.qcow2", "1M");
        Tools.qemuIo(image, "write -P 1 0 128k", "write -c -P 2 512k 64k");
        ImageCheck check = QEMU_IMG.check(image, ImageFormat.QCOW2).orElseThrow();
        assertTrue(check.sound());
        assertEquals(16, check.totalClusters());
        assertEquals(3, check.allocatedClusters());
        assertEquals(1, check.compressedClusters());
        assertTrue(check.imageEndOffset() > 5 * 65536);
    }

    @Test
    void checkTellsLeaksFromCorruption() throws Exception {
        Path image = Tools.qcow2(directory, "a.qcow2", "1M");
        Tools.qemuIo(image, "write -P 1 0 64k");
        // Refcount table entry 0 names the refcount block; its last counter in use is that of the data cluster.
        long block = refcountBlock(image);
        int lastCluster =
                (int) (QEMU_IMG.check(image, ImageFormat.QCOW2).orElseThrow().imageEndOffset() / 65536) - 1;
        Tools.run(directory, "truncate", "-s", "1M", "a.qcow2");
        Tools.patch(image, block + 2L * (lastCluster + 1), 0, 1);
        ImageCheck leaking = QEMU_IMG.check(image, ImageFormat.QCOW2).orElseThrow();
        assertEquals(1, leaking.leaks());
        assertTrue(leaking.sound());
        Tools.patch(image, block + 2L * lastCluster, 0, 0);
        ImageCheck corrupt = QEMU_IMG.check(image, ImageFormat.QCOW2).orElseThrow();
        assertEquals(2, corrupt.corruptions());
        assertFalse(corrupt.sound());
    }

    private static long refcountBlock(Path image) throws IOException {
        try (var channel = Files.newByteChannel(image)) {
            var entry = ByteBuffer.allocate(8);
            channel.position(65536).read(entry);
            return entry.getLong(0);
        }
    }

    @Test
    void thereIsNoCheckOfRaw() throws Exception {
        Path image = Files.write(directory.resolve("a.raw"), new byte[4096]);
        assertEquals(Optional.empty(), QEMU_IMG.check(image, ImageFormat.RAW));
    }

    @Test
    void createsWithOptionsAndBackingFileForItsOwnerOnly() throws Exception {
        Tools.qcow2(directory, "base,x.qcow2", "3M");
        Path image = directory.resolve("a.qcow2");
        QEMU_IMG.create(
                image,
                ImageFormat.QCOW2,
                List.of("cluster_size=4096", "lazy_refcounts=on"),
                Optional.of(new BackingReference("base,x.qcow2", ImageFormat.QCOW2)),
                OptionalLong.empty());
        Qcow2Header header = Qcow2Features.readable(image);
        assertEquals(4096, header.clusterBytes());
        assertEquals(3 << 20, header.sizeBytes());
        assertEquals(Optional.of("base,x.qcow2"), header.backingName());
        assertEquals(Qcow2Header.LAZY_REFCOUNTS, header.compatibleFeatures());
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(image)));
    }

    @Test
    void convertReportsProgress() throws Exception {
        Path image = Tools.qcow2(directory, "a.qcow2", "64M", "-o", "preallocation=full");
        List<Double> percents = Collections.synchronizedList(new ArrayList<>());
        QEMU_IMG.convert(
                ImageNode.of(image, ImageFormat.QCOW2),
                directory.resolve("b.qcow2"),
                ImageFormat.QCOW2,
                List.of("-m", "8"),
                List.of("compat=1.1"),
                percents::add);
        assertTrue(percents.size() > 2, percents.toString());
        assertEquals(100, percents.get(percents.size() - 1));
        assertEquals(percents.stream().sorted().toList(), percents);
    }

    @Test
    void mapHasEveryExtentWithItsDepth() throws Exception {
        Path base = Tools.qcow2(directory, "base.qcow2", "1M");
        Tools.qemuIo(base, "write -P 1 0 64k");
        Path top = Tools.overlay(directory, "top.qcow2", "base.qcow2");
        Tools.qemuIo(top, "write -P 2 128k 64k", "write -z 256k 64k");
        List<MapExtent> extents = Collections.synchronizedList(new ArrayList<>());
        QEMU_IMG.map(ImageNode.of(top, ImageFormat.QCOW2), extents::add);
        assertEquals(1, extents.get(0).depth());
        assertTrue(extents.get(0).data());
        assertEquals(65536, extents.get(0).range().lengthBytes());
        MapExtent written = extents.stream()
                .filter(e -> e.range().startBytes() == 128 << 10)
                .findFirst()
                .orElseThrow();
        assertEquals(0, written.depth());
        assertTrue(written.offset().isPresent());
        MapExtent zero = extents.stream()
                .filter(e -> e.range().startBytes() == 256 << 10)
                .findFirst()
                .orElseThrow();
        assertTrue(zero.zero() && zero.depth() == 0);
        assertEquals(1 << 20, extents.get(extents.size() - 1).range().endBytes());
    }

    @Test
    void bitmapsOfAnyNameAreMerged() throws Exception {
        Path from = Tools.qcow2(directory, "from.qcow2", "1M");
        Path to = Tools.qcow2(directory, "to.qcow2", "1M");
        for (String name : List.of("plain", "--remove", "-f", "a,b", "x=y")) {
            PersistentBitmap bitmap = new PersistentBitmap(name, 65536, !name.equals("plain"), false);
            QEMU_IMG.addBitmap(from, bitmap);
            QEMU_IMG.addBitmap(to, bitmap);
            QEMU_IMG.mergeBitmap(to, from, name);
        }
        assertEquals(
                QEMU_IMG.info(from, ImageFormat.QCOW2).bitmaps(),
                QEMU_IMG.info(to, ImageFormat.QCOW2).bitmaps());
    }

    @Test
    void rebaseKeepsWhatTheGuestSees() throws Exception {
        Path base = Tools.qcow2(directory, "base.qcow2", "1M");
        Tools.qemuIo(base, "write -P 1 0 64k");
        Path top = Tools.overlay(directory, "top.qcow2", "base.qcow2");
        Path copy = Files.copy(top, directory.resolve("copy.qcow2"));
        QEMU_IMG.rebase(ImageNode.of(top, ImageFormat.QCOW2), Optional.empty(), p -> {});
        assertEquals(Optional.empty(), Qcow2Features.readable(top).backingName());
        ImageNode alone = ImageNode.alone(top, ImageFormat.QCOW2);
        assertEquals(Optional.empty(), QEMU_IMG.difference(alone, ImageNode.of(copy, ImageFormat.QCOW2), p -> {}));
        Tools.qemuIo(top, "write -P 9 512k 1k");
        assertTrue(QEMU_IMG.difference(alone, ImageNode.of(copy, ImageFormat.QCOW2), p -> {})
                .orElseThrow()
                .contains("mismatch"));
    }

    @Test
    void anExplicitChainOverrulesTheHeaders() throws Exception {
        Path base = Tools.qcow2(directory, "base.qcow2", "1M");
        Path other = Tools.qcow2(directory, "other.qcow2", "1M");
        Tools.qemuIo(other, "write -P 5 0 64k");
        Path top = Tools.overlay(directory, "top.qcow2", "base.qcow2");
        ImageNode node = ImageNode.chain(
                List.of(new ChainElement(top, ImageFormat.QCOW2), new ChainElement(other, ImageFormat.QCOW2)));
        assertEquals(Optional.empty(), QEMU_IMG.difference(node, ImageNode.alone(other, ImageFormat.QCOW2), p -> {}));
        assertTrue(QEMU_IMG.difference(node, ImageNode.alone(base, ImageFormat.QCOW2), p -> {})
                .isPresent());
        assertEquals(
                Optional.empty(),
                QEMU_IMG.difference(
                        ImageNode.alone(top, ImageFormat.QCOW2).over(ImageNode.alone(other, ImageFormat.QCOW2)),
                        node,
                        p -> {}));
    }

    @Test
    void failureHasTheToolsOwnWords() {
        ToolFailedException e = assertThrows(
                ToolFailedException.class, () -> QEMU_IMG.info(directory.resolve("none.qcow2"), ImageFormat.QCOW2));
        assertTrue(e.getMessage().startsWith("qemu-img info failed with exit code 1: "), e.getMessage());
        assertTrue(e.getMessage().contains("No such file or directory"), e.getMessage());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "[]",
                "null",
                "{\"virtual-size\": -1}",
                "{\"virtual-size\": \"1\"}",
                "{\"virtual-size\": 1e3}",
                "{\"virtual-size\": 99999999999999999999}",
                "{\"virtual-size\": 1, \"format-specific\": []}",
                "{\"virtual-size\": 1, \"format-specific\": {\"data\": {\"bitmaps\": [1]}}}",
                "{\"virtual-size\": 1, \"format-specific\": {\"data\": {\"bitmaps\":"
                        + " [{\"name\": \"a\", \"granularity\": 3, \"flags\": []}]}}}",
                "{\"virtual-size\": 1",
            })
    void absurdInfoIsRefused(String answer) throws IOException {
        QemuImg absurd = answering(answer);
        assertThrows(ToolFailedException.class, () -> absurd.info(Path.of("/x"), ImageFormat.QCOW2));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "[{\"start\": 0, \"length\": 0, \"depth\": 0}]",
                "[{\"start\": 1, \"length\": 1, \"depth\": 0}]",
                "[{\"start\": 0, \"length\": 9223372036854775807, \"depth\": 0},"
                        + "{\"start\": 9223372036854775807, \"length\": 9, \"depth\": 0}]",
                "[{\"start\": 0, \"length\": 1, \"depth\": 99999999999}]",
                "[{\"start\": 0, \"length\": 1, \"depth\": \"0\"}]",
                "[{\"start\": 0, \"length\": 1, \"depth\": 0}",
            })
    void absurdMapIsRefused(String answer) throws IOException {
        QemuImg absurd = answering(answer);
        assertThrows(
                ToolFailedException.class,
                () -> absurd.map(ImageNode.of(Path.of("/x"), ImageFormat.QCOW2), extent -> {}));
    }

    @Test
    void absurdCheckIsRefused() throws IOException {
        QemuImg absurd = answering("{\"allocated-clusters\": 5, \"total-clusters\": 4}");
        assertThrows(ToolFailedException.class, () -> absurd.check(Path.of("/x"), ImageFormat.QCOW2));
    }

    @Test
    void quickCommandsHaveTheirTimeLimit() throws IOException {
        Tools.script(directory, "qemu-img", "exec sleep 60");
        QemuImg slow = new QemuImg(Tools.scripted(directory), Duration.ofMillis(50), Duration.ofMillis(50));
        assertThrows(ToolFailedException.class, () -> slow.info(Path.of("/x"), ImageFormat.QCOW2));
    }

    private QemuImg answering(String answer) throws IOException {
        Files.writeString(directory.resolve("answer"), answer);
        Tools.script(directory, "qemu-img", "cat '" + directory.resolve("answer") + "'");
        return new QemuImg(Tools.scripted(directory));
    }
}
