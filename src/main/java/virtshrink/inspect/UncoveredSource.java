package virtshrink.inspect;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import virtshrink.block.BlockSource;
import virtshrink.block.ByteRange;

/** A disk in which its partitions read as zeros: what is left is what no partition holds. */
record UncoveredSource(BlockSource disk, List<ByteRange> covered) implements BlockSource {
    @Override
    public long sizeBytes() {
        return disk.sizeBytes();
    }

    @Override
    public void read(long offsetBytes, ByteBuffer destination) throws IOException {
        int start = destination.position();
        ByteRange wanted = new ByteRange(offsetBytes, destination.remaining());
        disk.read(offsetBytes, destination);
        for (ByteRange range : covered) {
            long from = Math.max(range.startBytes(), wanted.startBytes());
            long to = Math.min(range.endBytes(), wanted.endBytes());
            for (long at = from; at < to; at++) {
                destination.put(start + (int) (at - offsetBytes), (byte) 0);
            }
        }
    }
}
