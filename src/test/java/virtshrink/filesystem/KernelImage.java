package virtshrink.filesystem;

import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.zip.GZIPInputStream;

/** Volumes that a Linux kernel wrote to in a virtual machine, kept beside the tests; their README says how they were made. */
public final class KernelImage {
    private static final int PIECE = 64 << 10;

    private KernelImage() {}

    /** A sparse copy in a directory. */
    public static Path unpack(String name, Path directory) throws IOException {
        Path image = directory.resolve(name);
        byte[] zeros = new byte[PIECE];
        try (InputStream resource = Objects.requireNonNull(
                        KernelImage.class.getResourceAsStream("kernel/" + name + ".img.gz.gz"), name);
                InputStream once = new GZIPInputStream(resource);
                InputStream content = new GZIPInputStream(once);
                RandomAccessFile copy = new RandomAccessFile(image.toFile(), "rw")) {
            long at = 0;
            for (byte[] piece = content.readNBytes(PIECE); piece.length > 0; piece = content.readNBytes(PIECE)) {
                if (!Arrays.equals(piece, 0, piece.length, zeros, 0, piece.length)) {
                    copy.seek(at);
                    copy.write(piece);
                }
                at += piece.length;
            }
            copy.setLength(at);
        }
        return image;
    }
}
