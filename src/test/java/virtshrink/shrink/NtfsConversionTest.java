package virtshrink.shrink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import virtshrink.block.ExternalTool;

/**
 * The example of the blog post that showed the manual cure: a file of ten thousand blocks of random bytes, formatted with NTFS, filled with
 * zeros through a mount, converted. Here nothing is mounted.
 */
class NtfsConversionTest {
    private static final int RAW_BYTES = 10_240_000;
    private static final int MOST_QCOW2_BYTES = 3_014_656;

    @TempDir
    Path directory;

    @Test
    void aRawFileOfRandomBytesBecomesAQcow2OfLessThanAThird() throws Exception {
        ExternalTool.assume("mkfs.ntfs", "ntfs-3g");
        ExternalTool.assume("qemu-img", "qemu-utils");
        Path image = Files.write(directory.resolve("disk.raw"), noise());
        ExternalTool.run("mkfs.ntfs", "--force", "--quiet", "--fast", image.toString());
        Path output = directory.resolve("disk.qcow2");

        CommandLineChild child = new CommandLineChild(Files.createDirectory(directory.resolve("child")));
        CommandLineChild.Result result = child.run("image", "--convert", "qcow2", image.toString(), output.toString());

        assertEquals(0, result.exitCode(), result.toString());
        assertTrue(Files.size(output) <= MOST_QCOW2_BYTES, () -> output + " has " + sizeOf(output) + " bytes");
        FileProperties.requireCleanQcow2(output);
        Path back = directory.resolve("back.raw");
        ExternalTool.run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", output.toString(), back.toString());
        assertEquals(RAW_BYTES, Files.size(back));
        ExternalTool.run("ntfsresize", "--info", "--no-progress-bar", back.toString());
        ExternalTool.run("ntfsfix", "--no-action", back.toString());
    }

    @Test
    void theSameInPlaceOfItself() throws Exception {
        ExternalTool.assume("mkfs.ntfs", "ntfs-3g");
        ExternalTool.assume("qemu-img", "qemu-utils");
        Path image = Files.write(directory.resolve("disk.raw"), noise());
        ExternalTool.run("mkfs.ntfs", "--force", "--quiet", "--fast", image.toString());

        CommandLineChild child = new CommandLineChild(Files.createDirectory(directory.resolve("child")));
        CommandLineChild.Result result = child.run("image", "--convert", "qcow2", image.toString());

        assertEquals(0, result.exitCode(), result.toString());
        assertTrue(Files.size(image) <= MOST_QCOW2_BYTES, () -> image + " has " + sizeOf(image) + " bytes");
        FileProperties.requireCleanQcow2(image);
    }

    private static byte[] noise() {
        byte[] noise = new byte[RAW_BYTES];
        new Random(2010).nextBytes(noise);
        return noise;
    }

    private static long sizeOf(Path file) {
        try {
            return Files.size(file);
        } catch (IOException gone) {
            throw new AssertionError(gone);
        }
    }
}
