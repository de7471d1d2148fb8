package virtshrink.filesystem.btrfs;

import java.io.IOException;

/** Is told of the logical addresses that no extent holds: block group after block group, all in ascending order. */
interface BtrfsFreeRuns {
    void beginGroup(BtrfsChunk group) throws IOException;

    /** A run within the group; those of one group neither overlap nor touch. */
    void free(long logical, long lengthBytes) throws IOException;

    void endGroup(BtrfsChunk group) throws IOException;
}
