package virtshrink.filesystem.ext;

import java.io.IOException;
import java.nio.ByteBuffer;
import virtshrink.block.BlockSource;

/**
 * A volume as it will read once its journal has been replayed; nothing is written. Blocks that the journal holds are read from there.
 *
 * @param onDisk the volume as it is
 */
record ExtReplayedVolume(BlockSource onDisk, ExtJournalLog log, ExtReplayedBlocks blocks, int blockBytes)
        implements BlockSource {
    @Override
    public long sizeBytes() {
        return onDisk.sizeBytes();
    }

    @Override
    public void read(long offsetBytes, ByteBuffer destination) throws IOException {
        int start = destination.position();
        long endBytes = offsetBytes + destination.remaining();
        onDisk.read(offsetBytes, destination);
        int index = blocks.indexFrom(offsetBytes / blockBytes);
        while (index < blocks.count() && blocks.block(index) * blockBytes < endBytes) {
            long blockStart = blocks.block(index) * blockBytes;
            long from = Math.max(offsetBytes, blockStart);
            long to = Math.min(endBytes, blockStart + blockBytes);
            ByteBuffer part = destination.duplicate();
            part.position(start + (int) (from - offsetBytes)).limit(start + (int) (to - offsetBytes));
            onDisk.read(log.place(blocks.position(index)) * blockBytes + (from - blockStart), part);
            if (blocks.isEscaped(index)) {
                for (long at = from; at < Math.min(to, blockStart + Integer.BYTES); at++) {
                    int shift = Byte.SIZE * (Integer.BYTES - 1 - (int) (at - blockStart));
                    destination.put(start + (int) (at - offsetBytes), (byte) (ExtJournalSuperblock.MAGIC >> shift));
                }
            }
            index++;
        }
    }
}
