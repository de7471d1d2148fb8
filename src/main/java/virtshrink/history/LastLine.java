package virtshrink.history;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;

/**
 * The end of the file, which a crash or a power cut may have left in the middle of an entry: cut off, or of the right length but in part zeros.
 * Such an entry had not been acknowledged by anybody, so it goes.
 */
final class LastLine {
    private static final int BLOCK_BYTES = 1 << 16;

    private final FileChannel channel;

    LastLine(FileChannel channel) {
        this.channel = channel;
    }

    /**
     * Leaves the file with whole lines only.
     *
     * @return whether anything was removed
     */
    boolean repair() throws IOException {
        long size = channel.size();
        long begin = beginOfLine(size);
        if (begin == size) {
            return false;
        }
        boolean whole = size - begin <= HistoryReader.MOST_LINE_BYTES
                && HistoryReader.parse(new String(read(begin, (int) (size - begin)), StandardCharsets.UTF_8))
                        .isPresent();
        if (whole) {
            channel.write(ByteBuffer.wrap(new byte[] {'\n'}), size);
        } else {
            channel.truncate(begin);
        }
        channel.force(true);
        return !whole;
    }

    /** Where the line begins that the file ends in; the end itself if the last line is complete. */
    private long beginOfLine(long size) throws IOException {
        long end = size;
        while (end > 0) {
            int length = (int) Math.min(BLOCK_BYTES, end);
            byte[] block = read(end - length, length);
            for (int i = length - 1; i >= 0; i--) {
                if (block[i] == '\n') {
                    return end - length + i + 1;
                }
            }
            end -= length;
        }
        return 0;
    }

    private byte[] read(long position, int length) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(length);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, position + buffer.position()) < 0) {
                throw new EOFException("the history became shorter while it was read");
            }
        }
        return buffer.array();
    }
}
