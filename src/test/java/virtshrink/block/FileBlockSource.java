package virtshrink.block;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A file as a source, for tests. Thread-safe. */
public final class FileBlockSource implements BlockSource, AutoCloseable {
    private final FileChannel channel;
    private final long sizeBytes;

    private FileBlockSource(FileChannel channel) throws IOException {
        this.channel = channel;
        this.sizeBytes = channel.size();
    }

    public static FileBlockSource open(Path file) throws IOException {
        return new FileBlockSource(FileChannel.open(file, StandardOpenOption.READ));
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    @Override
    public void read(long offsetBytes, ByteBuffer destination) throws IOException {
        if (offsetBytes < 0 || offsetBytes > sizeBytes - destination.remaining()) {
            throw new EOFException(
                    destination.remaining() + " bytes at " + offsetBytes + " are not within " + sizeBytes);
        }
        long at = offsetBytes;
        while (destination.hasRemaining()) {
            int count = channel.read(destination, at);
            if (count < 0) {
                throw new EOFException("file shrank below " + at);
            }
            at += count;
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
