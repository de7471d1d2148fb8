package virtshrink.filesystem.ntfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;

/**
 * The value of an attribute as a run of bytes, wherever it lies.
 *
 * @param name for messages
 * @param resident the value of a resident attribute; empty otherwise
 * @param isResident whether the value lies in the file record
 * @param runs empty if resident
 * @param flags of the first extent
 * @param initialisedBytes what lies behind reads as zeros
 */
record AttributeStream(
        String name,
        boolean isResident,
        byte[] resident,
        RunList runs,
        int flags,
        long dataBytes,
        long initialisedBytes) {

    boolean isCompressedOrEncrypted() {
        return (flags & (AttributeRecord.COMPRESSION_MASK | AttributeRecord.ENCRYPTED)) != 0;
    }

    boolean isSparse() {
        return (flags & AttributeRecord.SPARSE) != 0 || runs.hasHoles();
    }

    /**
     * Fills the destination with the bytes from the offset; holes and what was never written read as zeros. Not for compressed or encrypted
     * attributes.
     *
     * @throws CorruptStructureException if the attribute is shorter
     */
    void read(BlockSource volume, int clusterBytes, long offsetBytes, ByteBuffer destination) throws IOException {
        if (offsetBytes < 0 || destination.remaining() > dataBytes - offsetBytes) {
            throw new CorruptStructureException(
                    name,
                    offsetBytes,
                    "%d bytes wanted, the attribute has %d".formatted(destination.remaining(), dataBytes));
        }
        long at = offsetBytes;
        int end = destination.limit();
        while (destination.hasRemaining()) {
            if (isResident) {
                destination.put(resident, (int) at, destination.remaining());
            } else if (at >= initialisedBytes) {
                zero(destination, end - destination.position());
            } else {
                int run = runs.runOf(at / clusterBytes);
                long inRun = at - runs.vcn(run) * clusterBytes;
                long left = Math.min(runs.length(run) * clusterBytes - inRun, initialisedBytes - at);
                int count = (int) Math.min(destination.remaining(), left);
                if (runs.lcn(run) == MappingPairs.HOLE) {
                    zero(destination, count);
                } else {
                    destination.limit(destination.position() + count);
                    volume.read(runs.lcn(run) * clusterBytes + inRun, destination);
                    destination.limit(end);
                }
                at += count;
            }
        }
    }

    private static void zero(ByteBuffer destination, int count) {
        destination.put(new byte[count]);
    }
}
