package virtshrink.filesystem.ntfs;

import java.util.Arrays;
import virtshrink.block.CorruptStructureException;

/** Where the clusters of one attribute lie, in the order of its virtual clusters. Grows while extents are found. Not thread-safe. */
final class RunList {
    /** 24 bytes each. An attribute list, at most 256 KiB, can name many more, but no volume that works has them in a system file. */
    private static final int MOST_RUNS = 1 << 18;

    /** So many that every offset in bytes stays a 64-bit number. Only holes come near that, and no system file has such holes. */
    static final long MOST_CLUSTERS = Long.MAX_VALUE / NtfsBootSector.MOST_CLUSTER_BYTES;

    private final String attribute;
    private long[] vcns = new long[8];
    private long[] lcns = new long[8];
    private int size;
    private long endVcn;

    /** @param attribute for messages */
    RunList(String attribute) {
        this.attribute = attribute;
    }

    /** Appends a run behind the last one. */
    void add(long lcn, long length) {
        if (size == MOST_RUNS) {
            throw new CorruptStructureException(
                    attribute, 0, "in more than %d pieces, which is not supported".formatted(MOST_RUNS));
        }
        if (length > MOST_CLUSTERS - endVcn) {
            throw new CorruptStructureException(attribute, 0, "%d clusters behind %d others".formatted(length, endVcn));
        }
        if (size == vcns.length) {
            vcns = Arrays.copyOf(vcns, size * 2);
            lcns = Arrays.copyOf(lcns, size * 2);
        }
        vcns[size] = endVcn;
        lcns[size] = lcn;
        size++;
        endVcn += length;
    }

    int size() {
        return size;
    }

    /** Number of virtual clusters. */
    long clusters() {
        return endVcn;
    }

    long lcn(int run) {
        return lcns[run];
    }

    long length(int run) {
        return (run + 1 < size ? vcns[run + 1] : endVcn) - vcns[run];
    }

    /** Virtual cluster at which a run begins. */
    long vcn(int run) {
        return vcns[run];
    }

    boolean hasHoles() {
        for (int run = 0; run < size; run++) {
            if (lcns[run] == MappingPairs.HOLE) {
                return true;
            }
        }
        return false;
    }

    /** The run that holds a virtual cluster. */
    int runOf(long vcn) {
        int found = Arrays.binarySearch(vcns, 0, size, vcn);
        return found >= 0 ? found : -found - 2;
    }
}
