package virtshrink.filesystem.ntfs;

import java.io.IOException;
import java.nio.ByteBuffer;
import virtshrink.block.BlockSource;
import virtshrink.block.CorruptStructureException;

/** The value of an attribute as a run of bytes, wherever it lies. */
final class AttributeStream {
    private final String name;
    private final boolean isResident;
    private final byte[] resident;
    private final RunList runs;
    private final int flags;
    private final long dataBytes;
    private final long initialisedBytes;

    private AttributeStream(
            String name,
            boolean isResident,
            byte[] resident,
            RunList runs,
            int flags,
            long dataBytes,
            long initialisedBytes) {
        this.name = name;
        this.isResident = isResident;
        this.resident = resident;
        this.runs = runs;
        this.flags = flags;
        this.dataBytes = dataBytes;
        this.initialisedBytes = initialisedBytes;
    }

    /** @param name for messages */
    static AttributeStream resident(String name, byte[] value, int flags) {
        return new AttributeStream(name, true, value, new RunList(name), flags, value.length, value.length);
    }

    /**
     * A value in clusters.
     *
     * @param name for messages
     * @param runs at least as long as the initialised bytes
     * @param flags of the first extent
     * @param initialisedBytes what lies behind reads as zeros
     */
    static AttributeStream inClusters(String name, RunList runs, int flags, long dataBytes, long initialisedBytes) {
        return new AttributeStream(name, false, new byte[0], runs, flags, dataBytes, initialisedBytes);
    }

    boolean isResident() {
        return isResident;
    }

    /** Empty unless resident. */
    byte[] resident() {
        return resident.clone();
    }

    /** Empty if resident. */
    RunList runs() {
        return runs;
    }

    long dataBytes() {
        return dataBytes;
    }

    /** What lies behind reads as zeros. */
    long initialisedBytes() {
        return initialisedBytes;
    }

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
