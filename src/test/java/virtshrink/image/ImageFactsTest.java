package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class ImageFactsTest {
    @TempDir
    private Path directory;

    @BeforeAll
    static void needsTools() {
        Tools.requireQemuImg();
        Tools.require("qemu-io", "qemu-utils");
    }

    private static ImageFacts read(Path image) throws Exception {
        return ImageFacts.read(image, ImageFormat.QCOW2, Tools.QEMU_IMG);
    }

    private static Qcow2Facts qcow2(Path image) throws Exception {
        return read(image).qcow2().orElseThrow();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "compat=1.1 | 65536",
                "compat=0.10 | 65536",
                "compat=0.10,cluster_size=2M | 2097152",
                "cluster_size=512 | 4096",
                "cluster_size=4k | 4096",
                "cluster_size=2M | 2097152",
                "extended_l2=on,cluster_size=16k | 4096",
                "extended_l2=on,cluster_size=128k | 4096",
                "extended_l2=on,cluster_size=2M | 65536",
                "lazy_refcounts=on,refcount_bits=32 | 65536",
                "refcount_bits=1 | 65536",
                "compression_type=zstd | 65536",
            })
    void propertiesAreReproducedByTheirOwnCreateOptions(String options, long unitBytes) throws Exception {
        Path image = Tools.qcow2(directory, "a.qcow2", "1M", "-o", options);
        ImageFacts facts = read(image);
        assertEquals(unitBytes, facts.giveBackUnitBytes());
        assertEquals(1 << 20, facts.virtualBytes());
        Path again = Tools.qcow2(directory, "b.qcow2", "1M", "-o", String.join(",", facts.createOptions()));
        assertEquals(facts.createOptions(), read(again).createOptions());
        String[] infos = new String[2];
        for (int i = 0; i < 2; i++) {
            String info = Tools.run(directory, "qemu-img", "info", "-f", "qcow2", i == 0 ? "a.qcow2" : "b.qcow2");
            infos[i] = info.substring(info.indexOf("cluster_size"));
        }
        assertEquals(infos[0], infos[1]);
        for (String option : options.split(",", -1)) {
            String value = option.replace("=16k", "=16384")
                    .replace("=128k", "=131072")
                    .replace("=4k", "=4096")
                    .replace("=2M", "=2097152");
            assertTrue(facts.createOptions().contains(value), facts.createOptions() + " lack " + value);
        }
    }

    @Test
    void theBackingNameIsKeptAsWritten() throws Exception {
        Tools.qcow2(directory, "base.qcow2", "1M");
        Path top = Tools.overlay(directory, "top.qcow2", "./base.qcow2");
        assertEquals(
                Optional.of(new BackingReference("./base.qcow2", ImageFormat.QCOW2)),
                read(top).backing());
    }

    @Test
    void theShareOfCompressedClustersIsCounted() throws Exception {
        Path image = Tools.qcow2(directory, "a.qcow2", "1M");
        assertEquals(0, qcow2(image).compressedFraction());
        Tools.qemuIo(image, "write -c -P 1 0 64k", "write -c -P 1 64k 64k", "write -c -P 1 128k 64k", "write 192k 64k");
        assertEquals(0.75, qcow2(image).compressedFraction());
    }

    @Test
    void snapshotsAndBitmapsAreCounted() throws Exception {
        Path image = Tools.qcow2(directory, "a.qcow2", "1M");
        Tools.run(directory, "qemu-img", "snapshot", "-c", "one", "a.qcow2");
        Tools.run(directory, "qemu-img", "bitmap", "--add", "-g", "16k", "a.qcow2", "b");
        assertEquals(1, qcow2(image).snapshots());
        assertEquals(
                List.of(new PersistentBitmap("b", 16384, true, false)),
                qcow2(image).bitmaps());
    }

    @Test
    void rawFactsComeFromTheFileAlone() throws Exception {
        Path image = Tools.qcow2(directory, "a.raw", "1M");
        Tools.run(directory, "truncate", "-s", "1000001", "a.raw");
        ImageFacts facts = ImageFacts.read(image, ImageFormat.RAW, Tools.QEMU_IMG);
        assertEquals(1000448, facts.virtualBytes());
        assertEquals(1000001, facts.fileBytes());
        assertEquals(4096, facts.giveBackUnitBytes());
        assertTrue(facts.allocatedBytes() < facts.fileBytes());
        assertEquals(List.of(), facts.createOptions());
    }

    @ParameterizedTest
    @ValueSource(strings = {"vmdk", "vdi", "vhdx", "vpc"})
    void foreignFormatsHaveASize(String format) throws Exception {
        Tools.run(directory, "qemu-img", "create", "-q", "-f", format, "a", "16M");
        ImageFacts facts = ImageFacts.read(
                directory.resolve("a"), ImageFormat.ofQemuName(format).orElseThrow(), Tools.QEMU_IMG);
        assertTrue(facts.virtualBytes() >= 16 << 20 && facts.virtualBytes() < 17 << 20, facts.toString());
    }

    @Test
    void whatQemuImgCannotReadIsRefusedInItsWords() throws Exception {
        Path image = Tools.qcow2(directory, "a.qcow2", "1M");
        Tools.run(directory, "qemu-img", "bitmap", "--add", "a.qcow2", "b");
        // The bitmap directory's offset, in the extension behind the header.
        byte[] header = Files.readAllBytes(image);
        int at = 112;
        while (header[at] != 0x23) {
            at += 8;
        }
        Tools.patch(image, at + 8 + 16, 0x7f);
        ImageRefusedException e = assertThrows(ImageRefusedException.class, () -> read(image));
        assertTrue(e.getMessage().startsWith(image + " cannot be read: qemu-img "), e.getMessage());
    }

    @Test
    void aToolOfOursThatDiesIsAFailureNotARefusal() throws Exception {
        Path image = Tools.qcow2(directory, "a.qcow2", "1M");
        Tools.script(directory, "qemu-img", "kill -KILL $$");
        QemuImg dying = new QemuImg(Tools.scripted(directory));
        assertThrows(ToolFailedException.class, () -> ImageFacts.read(image, ImageFormat.QCOW2, dying));
    }

    @Test
    void aDifferingOpinionOfQemuImgIsRefused() throws Exception {
        Path image = Tools.qcow2(directory, "a.qcow2", "1M");
        Tools.script(directory, "qemu-img", "echo '{\"virtual-size\": 1048576, \"cluster-size\": 4096}'");
        QemuImg differing = new QemuImg(Tools.scripted(directory));
        ImageRefusedException e =
                assertThrows(ImageRefusedException.class, () -> ImageFacts.read(image, ImageFormat.QCOW2, differing));
        assertTrue(e.getMessage().contains("reads its header otherwise"), e.getMessage());
    }

    @Test
    void theSizeOfADiskIsBoundedBecauseWalkingItWouldNotEnd() throws Exception {
        assertEquals(
                1L << 50,
                read(Tools.qcow2(directory, "a.qcow2", "1P", "-o", "cluster_size=2M"))
                        .virtualBytes());
        Path larger = Tools.qcow2(directory, "b.qcow2", Long.toString((1L << 50) + 512), "-o", "cluster_size=2M");
        ImageRefusedException e = assertThrows(ImageRefusedException.class, () -> read(larger));
        assertTrue(e.getMessage().contains("claims to be a disk of more than 1 PiB"), e.getMessage());
    }

    @ParameterizedTest
    @CsvSource({"off, false", "metadata, false", "falloc, true", "full, true"})
    void deliberatePreallocationOfQcow2IsSeen(String preallocation, boolean seen) throws Exception {
        for (String cluster : List.of("4k", "64k", "2M")) {
            Path image = Tools.qcow2(
                    directory, "a.qcow2", "64M", "-o", "preallocation=" + preallocation + ",cluster_size=" + cluster);
            assertEquals(seen, read(image).preallocated(), cluster);
        }
    }

    @Test
    void aDiskThatTheGuestHasFilledIsNotPreallocated() throws Exception {
        Path image = Tools.qcow2(directory, "a.qcow2", "16M");
        // Everything written, in no order.
        for (int i = 15; i >= 0; i--) {
            Tools.qemuIo(image, "write -P 3 " + i + "M 64k");
        }
        Tools.qemuIo(image, "write -P 3 0 16M");
        ImageFacts facts = read(image);
        assertEquals(facts.qcow2().orElseThrow().check().totalClusters(), 256);
        assertEquals(facts.qcow2().orElseThrow().check().allocatedClusters(), 256);
        assertFalse(facts.preallocated());
    }

    @Test
    void deliberatePreallocationOfRawIsSeen() throws Exception {
        Tools.require("fallocate", "util-linux");
        Path image = directory.resolve("a.raw");
        Tools.run(directory, "fallocate", "-l", "8M", "a.raw");
        Tools.run(directory, "dd", "if=/dev/urandom", "of=a.raw", "bs=1M", "count=2", "conv=notrunc", "status=none");
        assertTrue(ImageFacts.read(image, ImageFormat.RAW, Tools.QEMU_IMG).preallocated());
        Tools.run(directory, "fallocate", "--punch-hole", "-o", "4M", "-l", "64K", "a.raw");
        assertFalse(ImageFacts.read(image, ImageFormat.RAW, Tools.QEMU_IMG).preallocated());
        Tools.run(directory, "dd", "if=/dev/zero", "of=a.raw", "bs=1M", "count=8", "conv=notrunc", "status=none");
        assertFalse(ImageFacts.read(image, ImageFormat.RAW, Tools.QEMU_IMG).preallocated());
    }
}
