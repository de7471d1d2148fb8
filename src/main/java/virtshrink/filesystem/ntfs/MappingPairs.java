package virtshrink.filesystem.ntfs;

import virtshrink.block.StructureBytes;

/**
 * The mapping pairs of a non-resident attribute: for each run a byte whose halves give the sizes of two numbers, then the run's length and
 * its distance from the run before.
 */
final class MappingPairs {
    /** A run without clusters, which reads as zeros. */
    static final long HOLE = -1;

    private MappingPairs() {}

    /**
     * Hands over the runs in order.
     *
     * @param at first byte
     * @param end behind the last byte that may belong to it
     * @param clusters of the volume: no run may reach beyond
     * @return number of clusters of all runs and holes together
     */
    static long forEachRun(
            StructureBytes record, int at, int end, long clusters, AttributeRecord.RunConsumer consumer) {
        long mapped = 0;
        long lcn = 0;
        int next = at;
        while (next < end) {
            int sizes = record.u8(next);
            if (sizes == 0) {
                return mapped;
            }
            int lengthSize = sizes & 0x0F;
            int distanceSize = sizes >> 4;
            if (lengthSize == 0 || lengthSize > 8 || distanceSize > 8 || next + 1 + lengthSize + distanceSize > end) {
                throw record.corrupt(next, "mapping pair 0x%02x".formatted(sizes));
            }
            long length = signed(record, next + 1, lengthSize);
            long run = HOLE;
            if (distanceSize > 0) {
                lcn = lcn + signed(record, next + 1 + lengthSize, distanceSize);
                run = lcn;
            }
            // Before NTFS 3.0 a hole was a run at cluster -1.
            boolean inVolume = run == HOLE || (run >= 0 && run < clusters && length <= clusters - run);
            if (length <= 0 || length > Long.MAX_VALUE - mapped || !inVolume) {
                throw record.corrupt(
                        next, "run of %d clusters at %d, the volume has %d".formatted(length, run, clusters));
            }
            mapped += length;
            consumer.accept(run, length);
            next += 1 + lengthSize + distanceSize;
        }
        // An end mark is missing only where the last pair fills the attribute.
        return mapped;
    }

    private static long signed(StructureBytes record, int at, int size) {
        long value = (byte) record.u8(at + size - 1);
        for (int i = size - 2; i >= 0; i--) {
            value = value << 8 | record.u8(at + i);
        }
        return value;
    }
}
