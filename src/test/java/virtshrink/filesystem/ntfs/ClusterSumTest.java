package virtshrink.filesystem.ntfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import org.junit.jupiter.api.Test;

class ClusterSumTest {
    @Test
    void aRunAddsUpToItsClusters() {
        for (long length = 1; length < 40; length++) {
            for (long first : new long[] {0, 1, 2, 3, 1000, (1L << 40) - 1, 1L << 61}) {
                ClusterSum each = ClusterSum.NONE;
                for (long cluster = first; cluster < first + length; cluster++) {
                    each = new ClusterSum(
                            each.count() + 1, each.numbers() + cluster, each.squares() + cluster * cluster);
                }
                assertEquals(each, ClusterSum.NONE.plus(first, length));
            }
        }
    }

    @Test
    void longRunsAddUpToTheirHalves() {
        for (long length = 1L << 60; length > 2; length = length / 3 + 1) {
            assertEquals(
                    ClusterSum.NONE.plus(5, length),
                    ClusterSum.NONE.plus(5, length / 2).plus(5 + length / 2, length - length / 2));
        }
    }

    @Test
    void whatIsLeftIsTheRest() {
        ClusterSum free = ClusterSum.NONE.plus(10, 20).plus(70, 5);
        assertEquals(ClusterSum.NONE.plus(0, 10).plus(30, 40).plus(75, 25), free.within(ClusterSum.NONE.plus(0, 100)));
    }

    @Test
    void anOwnerTooManyAndOneTooFewShow() {
        assertNotEquals(
                ClusterSum.NONE.plus(0, 10).plus(20, 4),
                ClusterSum.NONE.plus(0, 10).plus(2, 4));
        // The same number of clusters with the same sum of their numbers.
        assertNotEquals(
                ClusterSum.NONE.plus(1, 1).plus(4, 1),
                ClusterSum.NONE.plus(2, 1).plus(3, 1));
    }
}
