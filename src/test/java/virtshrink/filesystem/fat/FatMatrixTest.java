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
import virtshrink.filesystem.fat.Dosfstools.Content;
import virtshrink.filesystem.fat.FatMatrix.Image;

/** Everything that moves a cluster, from empty to full: the reader says what fsck.fat says, and what it calls free may be overwritten. */
class FatMatrixTest {
    @TempDir
    Path directory;

    static Stream<Image> images() {
        return Stream.of(
                new Image(64 * KIB, Content.EMPTY, "-F 12"),
                new Image(360 * KIB, Content.USED, "-F 12"),
                new Image(720 * KIB, Content.FULL, "-F 12"),
                new Image(1440 * KIB, Content.FRAGMENTED, ""),
                new Image(2880 * KIB, Content.USED, "-n LABEL -i 1234abcd"),
                new Image(MIB, Content.FRAGMENTED, "-F 12 -s 1 -f 1"),
                new Image(4 * MIB, Content.FULL, "-F 12 -s 4 -r 112"),
                new Image(4 * MIB + 3 * KIB, Content.USED, "-F 12 -s 8 -R 7 -M 0xF0"),
                new Image(8 * MIB, Content.FRAGMENTED, "-F 12 -S 1024"),
                new Image(8 * MIB, Content.USED, "-F 12 -S 2048 -s 2"),
                new Image(16 * MIB, Content.USED, "-F 12 -S 4096 -f 1"),
                new Image(16 * MIB, Content.EMPTY, "-F 12 -s 128"),
                new Image(16 * MIB, Content.EMPTY, "-F 16"),
                new Image(5 * MIB, Content.FRAGMENTED, "-F 16 -s 1"),
                new Image(20 * MIB, Content.FULL, "-F 16 -s 2 -a"),
                new Image(20 * MIB, Content.USED, "-F 16 -s 4 -f 1 -r 16"),
                new Image(32 * MIB, Content.FRAGMENTED, "-F 16 -s 4 -r 4096"),
                new Image(33 * MIB, Content.USED, "-F 16 -S 1024 -h 2048 -D 0x80"),
                new Image(64 * MIB, Content.FRAGMENTED, "-F 16 -S 2048"),
                new Image(128 * MIB, Content.USED, "-F 16 -S 4096 -R 3"),
                new Image(128 * MIB + 511, Content.USED, "-F 16 -f 2 -I"),
                new Image(300 * MIB, Content.FRAGMENTED, "-F 16 -s 128"),
                new Image(2 * GIB - MIB, Content.USED, "-F 16 -s 64"),
                new Image(40 * MIB, Content.FRAGMENTED, "-F 32 -s 1"),
                new Image(34 * MIB, Content.FULL, "-F 32 -s 1"),
                new Image(64 * MIB, Content.USED, "-F 32 -n EFI -i cafebabe"),
                new Image(100 * MIB, Content.FRAGMENTED, "-F 32 -f 1 -R 9 -b 3"),
                new Image(100 * MIB, Content.USED, "-F 32 -s 2 -a -b 0"),
                new Image(300 * MIB, Content.FRAGMENTED, "-F 32 -s 8 -R 100"),
                new Image(300 * MIB, Content.USED, "-F 32 -S 1024 -s 1"),
                new Image(600 * MIB, Content.USED, "-F 32 -S 2048 -s 1"),
                new Image(400 * MIB, Content.FRAGMENTED, "-F 32 -S 4096 -s 1"),
                new Image(10 * GIB, Content.USED, "-F 32"),
                new Image(40 * GIB, Content.FRAGMENTED, "-F 32 -s 64"),
                new Image(70 * GIB, Content.USED, "-F 32 -s 128 -f 2"),
                // Fewer clusters than the specification wants for its type; no driver takes these for anything else,
                // and
                // mtools, which does, can put nothing into them.
                new Image(MIB, Content.EMPTY, "-F 32 -s 1"),
                new Image(16 * MIB, Content.EMPTY, "-F 32 -s 1"),
                new Image(100 * MIB, Content.EMPTY, "-F 32 -s 8"));
    }

    @BeforeAll
    static void needsTools() {
        Dosfstools.assumeInstalled();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("images")
    void saysWhatTheCheckerSaysAndKeepsEveryFile(Image image) throws IOException {
        Path file = Dosfstools.make(directory.resolve("image"), image.sizeBytes(), image.options());
        Dosfstools.fill(file, image.content(), directory);
        FatMatrix.Proof proof = FatMatrix.prove(new FatReader(), new DosTools(), file, image.sizeBytes());

        assertEquals("vfat", proof.report().identity().type());
        if (image.options().contains("-n EFI")) {
            assertEquals("EFI", proof.report().identity().label());
            assertEquals("CAFE-BABE", proof.report().identity().uuid());
        }
        if (image.content() == Content.FULL) {
            assertEquals(0, proof.space().freeBytes());
        } else if (image.content() != Content.EMPTY) {
            assertTrue(proof.contents().size() > 5, () -> proof.contents().toString());
        }
    }

    private final class DosTools implements FatMatrix.Tools {
        @Override
        public Object check(Path image) throws IOException {
            return Dosfstools.check(image);
        }

        @Override
        public long freeBytes(Path image) throws IOException {
            return Dosfstools.check(image).freeBytes();
        }

        @Override
        public long clusterBytes(Path image) throws IOException {
            return Dosfstools.check(image).clusterBytes();
        }

        @Override
        public Map<String, String> contents(Path image) throws IOException {
            return Dosfstools.contents(image, directory);
        }
    }
}
