package virtshrink.filesystem.ext;

import java.io.IOException;
import java.nio.ByteBuffer;
import virtshrink.block.BlockSource;
import virtshrink.block.StructureBytes;

/**
 * The blocks of a journal in the order in which they were written: position 0 is {@code s_start}, and behind the last block of the journal
 * follows {@code s_first}.
 */
final class ExtJournalLog {
    private static final int WINDOW_BYTES = 1 << 20;

    private final BlockSource volume;
    private final ExtFileMap map;
    private final int blockBytes;
    private final long first;
    private final long start;
    private final long length;
    private final int windowBlocks;
    private ByteBuffer window = ByteBuffer.allocate(0);
    private long windowStart;
    private long windowEnd;

    /**
     * @param map of at least {@code s_maxlen} blocks
     * @param superblock that may be replayed
     */
    ExtJournalLog(BlockSource volume, ExtFileMap map, ExtJournalSuperblock superblock, int blockBytes) {
        this.volume = volume;
        this.map = map;
        this.blockBytes = blockBytes;
        this.first = superblock.first();
        this.start = Math.max(first, superblock.start());
        this.length = superblock.maxLen() - first;
        // Where no checksum asks for the logged blocks themselves, only few blocks of the log are read.
        boolean everything = superblock.features().hasBlockChecksums()
                || superblock.features().hasTransactionChecksum();
        this.windowBlocks = everything ? Math.max(1, WINDOW_BYTES / blockBytes) : 1;
    }

    /** How many blocks there are. */
    long length() {
        return length;
    }

    /** Where a block of the log lies on the volume, in blocks. */
    long place(long position) {
        return map.place(inFile(position));
    }

    /** The content of a block; valid until the next call. */
    ByteBuffer block(long position) throws IOException {
        if (position < windowStart || position >= windowEnd) {
            long inFile = inFile(position);
            long run = Math.min(Math.min(map.contiguous(inFile), first + length - inFile), windowBlocks);
            int bytes = Math.toIntExact(run * blockBytes);
            if (window.capacity() < bytes) {
                window = ByteBuffer.allocate(bytes);
            }
            windowEnd = windowStart;
            window.clear().limit(bytes);
            volume.read(map.place(inFile) * blockBytes, window);
            windowStart = position;
            windowEnd = position + run;
        }
        return window.slice(Math.toIntExact((position - windowStart) * blockBytes), blockBytes);
    }

    /** A block that describes the log. */
    StructureBytes structure(String name, long position) throws IOException {
        return new StructureBytes(name, place(position) * blockBytes, block(position));
    }

    private long inFile(long position) {
        return first + (start - first + position) % length;
    }
}
