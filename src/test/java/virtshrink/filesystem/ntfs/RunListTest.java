package virtshrink.filesystem.ntfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import virtshrink.block.CorruptStructureException;

class RunListTest {
    @Test
    void holesOfSeveralExtentsNeverAddUpToMoreThanCanBeCounted() {
        // Each extent of an attribute may map as many clusters as fit into 63 bits.
        for (long length : new long[] {Long.MAX_VALUE, 1L << 62, (1L << 54) + (1L << 50), RunList.MOST_CLUSTERS}) {
            RunList runs = new RunList("test");
            runs.add(7, 1);
            assertThrows(CorruptStructureException.class, () -> runs.add(MappingPairs.HOLE, length));
            assertEquals(1, runs.clusters());
        }
    }

    @Test
    void offsetsInTheLongestListAreStillNumbersOfBytes() {
        RunList runs = new RunList("test");
        runs.add(7, 1);
        runs.add(MappingPairs.HOLE, RunList.MOST_CLUSTERS - 1);
        assertEquals(
                RunList.MOST_CLUSTERS * NtfsBootSector.MOST_CLUSTER_BYTES,
                Math.multiplyExact(runs.clusters(), (long) NtfsBootSector.MOST_CLUSTER_BYTES));
        assertEquals(1, runs.runOf(RunList.MOST_CLUSTERS - 1));
    }
}
