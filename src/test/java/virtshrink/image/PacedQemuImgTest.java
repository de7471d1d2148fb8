package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** With a limit of 8 MiB per second, 12 MiB take more than a second, however fast the disk is. */
@Timeout(60)
class PacedQemuImgTest {
    private static final QemuImg SLOW = new QemuImg(Tools.CHILDREN, OptionalLong.of(8 << 20));

    @TempDir
    private Path directory;

    private Path image;

    @BeforeEach
    void makeImage() throws Exception {
        Tools.requireQemuImg();
        image = Tools.qcow2(directory, "image.qcow2", "16M");
        Tools.qemuIo(image, "write -P 3 0 12M");
    }

    private interface Transfer {
        void run() throws IOException;
    }

    private static void requireSlow(Transfer transfer) throws IOException {
        long began = System.nanoTime();
        transfer.run();
        Duration took = Duration.ofNanos(System.nanoTime() - began);
        assertTrue(took.toMillis() > 1000, took::toString);
    }

    private static ImageNode node(Path file) {
        return ImageNode.of(file, ImageFormat.QCOW2);
    }

    @Test
    void conversionKeepsToTheRate() throws Exception {
        Path copy = directory.resolve("copy.qcow2");
        requireSlow(() -> SLOW.convert(node(image), copy, ImageFormat.QCOW2, List.of("-m", "8"), List.of(), p -> {}));
        assertEquals(Optional.empty(), Tools.QEMU_IMG.difference(node(image), node(copy), p -> {}));
    }

    @Test
    void comparisonKeepsToTheRateAndStillFindsDifferences() throws Exception {
        Path copy = Tools.qcow2(directory, "copy.qcow2", "16M");
        Tools.qemuIo(copy, "write -P 3 0 12M");
        requireSlow(() -> assertEquals(Optional.empty(), SLOW.difference(node(image), node(copy), p -> {})));
        Tools.qemuIo(copy, "write -P 4 4M 1k");
        assertTrue(
                SLOW.difference(node(image), node(copy), p -> {}).orElseThrow().contains("mismatch at offset 4194304"));
    }

    @Test
    void anotherBackingFileComesAtTheRate() throws Exception {
        Path base = Tools.qcow2(directory, "base.qcow2", "16M");
        Path top = Tools.overlay(directory, "top.qcow2", "image.qcow2");
        requireSlow(() ->
                SLOW.rebase(node(top), Optional.of(new BackingReference(base.toString(), ImageFormat.QCOW2)), p -> {}));
        assertEquals(Optional.empty(), Tools.QEMU_IMG.difference(node(image), node(top), p -> {}));
        assertEquals(Optional.of(base.toString()), Qcow2Features.readable(top).backingName());
    }
}
