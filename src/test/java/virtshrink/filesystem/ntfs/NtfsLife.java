package virtshrink.filesystem.ntfs;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import virtshrink.block.ExternalTool;

/** What a guest does to a mounted volume: files of all kinds, named streams, compression, holes, deletion. Replays from its seed. */
final class NtfsLife {
    /** Named streams as extended attributes, owners and modes as access control lists, the mark of a compressed directory obeyed. */
    static final String OPTIONS = "streams_interface=xattr,compression,permissions";

    private final Path root;
    private final Random random;

    NtfsLife(Path root, long seed) {
        this.root = root;
        this.random = new Random(seed);
    }

    /** Some of everything. */
    void use() throws IOException {
        for (int i = 0; i < 12; i++) {
            Path directory = Files.createDirectories(root.resolve("directory " + i));
            for (int j = 0; j < 8; j++) {
                write(directory.resolve("file " + j), random.nextInt(j % 3 == 0 ? 600 : 40_000));
            }
        }
        Path first = root.resolve("directory 0/file 0");
        Files.createLink(root.resolve("hard link"), first);
        Files.createSymbolicLink(root.resolve("symbolic link"), Path.of("directory 0/file 0"));
        attribute(first, "small", 30);
        attribute(first, "stream", 9_000);
        try (RandomAccessFile sparse =
                new RandomAccessFile(root.resolve("sparse").toFile(), "rw")) {
            for (int piece = 0; piece < 4; piece++) {
                sparse.seek(piece * 3_000_000L);
                sparse.write(noise(20_000));
            }
        }
        compress();
        for (int i = 0; i < 12; i += 2) {
            Files.delete(root.resolve("directory " + i + "/file 5"));
        }
        Files.delete(root.resolve("directory 3/file 1"));
    }

    /** Many small files, of which half go, and larger ones in their places. */
    void fragment() throws IOException {
        long usable = Files.getFileStore(root).getUsableSpace();
        long clusterBytes = Files.getFileStore(root).getBlockSize();
        long pieceBytes = Math.max(Math.min(usable / 900, 40_000), 1_000);
        long count = Math.min(500, usable / 2 / (pieceBytes + clusterBytes));
        List<Path> small = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            small.add(write(root.resolve("small " + i), (int) pieceBytes));
        }
        for (int i = 0; i < small.size(); i += 2) {
            Files.delete(small.get(i));
        }
        long room = Files.getFileStore(root).getUsableSpace();
        for (int i = 0; i < 3; i++) {
            write(root.resolve("large " + i), (int) Math.min(room / 5, 8 << 20));
        }
        for (int i = 1; i < small.size(); i += 6) {
            Files.delete(small.get(i));
        }
    }

    /** Until nothing fits any more. */
    void fill() throws IOException {
        write(root.resolve("kept"), 5_000);
        int piece = 1 << 20;
        for (int i = 0; piece >= 512; i++) {
            try {
                write(root.resolve("filler " + i), piece);
            } catch (IOException full) {
                if (!String.valueOf(full.getMessage()).contains("No space left")) {
                    throw full;
                }
                piece /= 4;
            }
        }
    }

    /** A directory that compresses what is written into it, holding what can be compressed. */
    private void compress() throws IOException {
        Path directory = Files.createDirectory(root.resolve("compressed"));
        // FILE_ATTRIBUTE_COMPRESSED, little-endian, as ntfs-3g takes it.
        attribute(directory, "system.ntfs_attrib", new byte[] {0x10, 0x08, 0, 0});
        Files.write(
                directory.resolve("text"),
                "the same again and again ".repeat(9_000).getBytes(UTF_8));
        write(directory.resolve("noise"), 70_000);
    }

    private Path write(Path file, int lengthBytes) throws IOException {
        try (OutputStream out = Files.newOutputStream(file)) {
            out.write(noise(lengthBytes));
        }
        return file;
    }

    private byte[] noise(int lengthBytes) {
        byte[] noise = new byte[lengthBytes];
        random.nextBytes(noise);
        return noise;
    }

    private void attribute(Path file, String name, int lengthBytes) throws IOException {
        Files.getFileAttributeView(file, UserDefinedFileAttributeView.class)
                .write(name, ByteBuffer.wrap(noise(lengthBytes)));
    }

    private static void attribute(Path file, String name, byte[] value) throws IOException {
        StringBuilder hex = new StringBuilder("0x");
        for (byte b : value) {
            hex.append("%02x".formatted(b));
        }
        ExternalTool.run("setfattr", "-h", "-n", name, "-v", hex.toString(), file.toString());
    }
}
