package virtshrink.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;

/** Another file takes the name of the image that was judged and locked. */
@Timeout(60)
class ImageWorkTest {
    private static final int MIB = 1 << 20;

    @TempDir
    private Path temporary;

    @BeforeAll
    static void needsTools() {
        Tools.requireQemuImg();
        Tools.require("qemu-nbd", "qemu-utils");
    }

    private static Path disk(Path file) throws IOException {
        byte[] content = new byte[MIB];
        Arrays.fill(content, (byte) 7);
        // With a hole behind it: what is wholly allocated counts as preallocated.
        Files.write(file, content);
        Tools.patch(file, 4 * MIB - 1, 0);
        return file;
    }

    @Test
    void whatIsWrittenInPlaceGoesToTheJudgedFileWhateverHasItsName() throws Exception {
        Path directory = temporary.toRealPath();
        Path place = Files.createDirectory(directory.resolve("images"));
        Path image = disk(place.resolve("disk.raw"));
        Path aside = place.resolve("aside.raw");
        Path other = disk(directory.resolve("other.raw"));
        byte[] otherWas = Files.readAllBytes(other);
        ImageWork.Terms terms =
                new ImageWork.Terms(false, Optional.empty(), Optional.of(ImageJudge.Policy.REPLACE), Pace.FULL);
        try (ImageWork work = ImageWork.begin(
                RunDirectory.at(directory.resolve("runs")), image, ImageFormat.RAW, terms, RunOwner.LOOKER)) {
            Files.move(image, aside);
            Files.move(other, image);
            assertTrue(work.whyDisturbed(true).orElseThrow().contains("replaced by another file"));
            try (ServedDisk served = work.serveOriginalWritable()) {
                // Back again: no look at the name could tell now.
                Files.move(image, other);
                Files.move(aside, image);
                assertEquals(Optional.empty(), work.whyDisturbed(true));
                served.writeZeroes(RangeSet.of(new ByteRange(0, MIB)), bytes -> {});
                served.stop();
            }
        }
        assertArrayEquals(otherWas, Files.readAllBytes(other));
        assertArrayEquals(new byte[4 * MIB], Files.readAllBytes(image));
    }
}
