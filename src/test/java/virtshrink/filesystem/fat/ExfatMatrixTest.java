package virtshrink.filesystem.fat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static virtshrink.filesystem.fat.FatMatrix.GIB;
import static virtshrink.filesystem.fat.FatMatrix.KIB;
import static virtshrink.filesystem.fat.FatMatrix.MIB;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import virtshrink.block.ExternalTool;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.MountedImage;
import virtshrink.filesystem.fat.Dosfstools.Content;
import virtshrink.filesystem.fat.FatMatrix.Image;

/** Cluster sizes and contents of every kind: the reader says what dump.exfat says, and what it calls free may be overwritten. */
class ExfatMatrixTest {
    private static final long TIB = 1L << 40;

    @TempDir
    Path directory;

    static Stream<Image> images() {
        return Stream.of(
                new Image(3 * MIB, Content.EMPTY, ""),
                new Image(3 * MIB, Content.USED, "-c 512"),
                new Image(5 * MIB, Content.FULL, "-c 512"),
                new Image(5 * MIB, Content.FRAGMENTED, "-c 512"),
                new Image(6 * MIB, Content.FRAGMENTED, "-c 1K"),
                new Image(8 * MIB, Content.USED, "-c 2K"),
                new Image(8 * MIB, Content.FULL, "-c 2K"),
                new Image(8 * MIB, Content.FRAGMENTED, ""),
                new Image(8 * MIB, Content.FULL, ""),
                new Image(10 * MIB, Content.EMPTY, "-b 4K"),
                new Image(10 * MIB, Content.USED, "-b 64K"),
                new Image(16 * MIB, Content.FRAGMENTED, "-c 8K -L volume"),
                new Image(40 * MIB, Content.USED, "-c 16K -b 8M"),
                new Image(16 * MIB + 512, Content.USED, "-c 512"),
                new Image(20 * MIB, Content.FRAGMENTED, "-c 512 -b 512"),
                new Image(20 * MIB, Content.USED, "-c 32K"),
                new Image(30 * MIB, Content.FRAGMENTED, "-c 64K"),
                new Image(30 * MIB, Content.EMPTY, "-c 128K"),
                new Image(40 * MIB, Content.FULL, "-c 128K"),
                new Image(40 * MIB, Content.USED, "-c 256K"),
                new Image(64 * MIB, Content.FRAGMENTED, "-c 512K"),
                new Image(64 * MIB, Content.USED, "-c 1M"),
                new Image(600 * MIB, Content.FRAGMENTED, "-c 4M"),
                new Image(GIB, Content.USED, "-c 32M"),
                new Image(64 * MIB + 3 * KIB, Content.FRAGMENTED, ""),
                new Image(255 * MIB, Content.USED, ""),
                new Image(257 * MIB, Content.FRAGMENTED, ""),
                new Image(300 * MIB, Content.EMPTY, "-c 512"),
                new Image(GIB, Content.FRAGMENTED, "-c 4K"),
                new Image(GIB, Content.USED, "-f"),
                new Image(31 * GIB, Content.USED, ""),
                new Image(33 * GIB, Content.FRAGMENTED, ""),
                new Image(40 * GIB, Content.EMPTY, "-c 4K"),
                new Image(2 * TIB, Content.USED, ""));
    }

    @BeforeAll
    static void needsTools() {
        Exfatprogs.assumeInstalled();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("images")
    void saysWhatTheToolsSayAndKeepsEveryFile(Image image) throws IOException {
        Path file = Exfatprogs.make(directory.resolve("image"), image.sizeBytes(), image.options());
        Exfatprogs.fill(file, image.content(), directory);
        FatMatrix.Proof proof = FatMatrix.prove(new ExfatReader(), new ExfatTools(image), file, image.sizeBytes());

        FilesystemIdentity identity = proof.report().identity();
        assertEquals("exfat", identity.type());
        assertEquals(image.options().contains("-L volume") ? "volume" : "", identity.label());
        if (image.content() == Content.FULL) {
            assertTrue(
                    proof.space().freeBytes() < identity.totalBytes() / 10,
                    () -> proof.report().toString());
        }
    }

    private final class ExfatTools implements FatMatrix.Tools {
        private final Image made;

        ExfatTools(Image made) {
            this.made = made;
        }

        @Override
        public Object check(Path image) throws IOException {
            ExternalTool.Result result = Exfatprogs.check(image);
            assertEquals(0, result.exitCode(), result.output());
            return result;
        }

        @Override
        public long freeBytes(Path image) throws IOException {
            return Exfatprogs.freeBytes(image);
        }

        @Override
        public long clusterBytes(Path image) throws IOException {
            return Exfatprogs.clusterBytes(image);
        }

        @Override
        public Map<String, String> contents(Path image) throws IOException {
            if (made.content() == Content.EMPTY) {
                return Map.of();
            }
            try (MountedImage mounted = MountedImage.exfat(image, directory.resolve("mounted"), "ro")) {
                return Dosfstools.digests(mounted.path());
            }
        }
    }
}
