package virtshrink.filesystem;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;

/** Takes a reader at its word: what it called free is overwritten, in the file itself. */
public final class ZeroFreeSpace {
    private static final int PIECE = 1 << 20;

    private ZeroFreeSpace() {}

    /** As a shrink does it. Holes of the file stay holes. */
    public static void zero(Path file, FilesystemState.FreeSpace space) throws IOException {
        zero(file, space.free());
    }

    /** As {@link #zero(Path, FilesystemState.FreeSpace)}, of ranges from the start of the file. */
    public static void zero(Path file, RangeSet free) throws IOException {
        byte[] zeros = new byte[PIECE];
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer piece = ByteBuffer.allocate(PIECE);
            for (ByteRange range : free) {
                for (long at = range.startBytes(); at < range.endBytes(); at += PIECE) {
                    int length = (int) Math.min(PIECE, range.endBytes() - at);
                    piece.clear().limit(length);
                    readFully(channel, piece, at);
                    ByteBuffer wanted = ByteBuffer.wrap(zeros, 0, length);
                    if (!piece.flip().equals(wanted)) {
                        write(channel, wanted, at);
                    }
                }
            }
        }
    }

    /**
     * Harder than zeros: noise. A used block that happened to hold zeros survives a zeroing, and nothing would show that it was called free.
     * The file takes the room of its free space.
     *
     * @param free from the start of the file
     */
    public static void scribble(Path file, RangeSet free, long seed) throws IOException {
        byte[] noise = new byte[PIECE];
        new Random(seed).nextBytes(noise);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            for (ByteRange range : free) {
                for (long at = range.startBytes(); at < range.endBytes(); at += PIECE) {
                    write(channel, ByteBuffer.wrap(noise, 0, (int) Math.min(PIECE, range.endBytes() - at)), at);
                }
            }
        }
    }

    private static void readFully(FileChannel channel, ByteBuffer piece, long at) throws IOException {
        while (piece.hasRemaining()) {
            if (channel.read(piece, at + piece.position()) < 0) {
                throw new IOException("free space beyond the end of the file, at " + at);
            }
        }
    }

    private static void write(FileChannel channel, ByteBuffer bytes, long at) throws IOException {
        long start = at - bytes.position();
        while (bytes.hasRemaining()) {
            channel.write(bytes, start + bytes.position());
        }
    }
}
