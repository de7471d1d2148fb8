package virtshrink.inspect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import virtshrink.block.ByteRange;
import virtshrink.block.RangeSet;
import virtshrink.filesystem.FilesystemIdentity;
import virtshrink.filesystem.FilesystemReport;
import virtshrink.filesystem.FilesystemState;

class RangeBudgetTest {
    private static FilesystemReport report(int ranges) {
        RangeSet.Builder free = RangeSet.builder();
        for (int number = 0; number < ranges; number++) {
            free.add(number * 1000L, number == 77 ? 900 : 1 + number % 50);
        }
        return new FilesystemReport(
                FilesystemIdentity.ofType("ext4"), new FilesystemState.FreeSpace(1 << 20, free.build()));
    }

    private static FilesystemState.FreeSpace space(FilesystemReport report) {
        return (FilesystemState.FreeSpace) report.state();
    }

    @Test
    void whatFitsStaysAndOfTheRestTheLongestAreKept() {
        RangeBudget budget = new RangeBudget(1000);
        FilesystemReport first = report(700);
        assertEquals(first, budget.within(first));
        FilesystemState.FreeSpace second = space(budget.within(report(700)));
        assertTrue(second.free().size() <= 300 && second.free().size() > 100, second::toString);
        assertTrue(second.free().contains(new ByteRange(77_000, 900)));
        assertTrue(second.free().subtract(space(first).free()).isEmpty());
        assertEquals(1 << 20, second.freeBytes());
        budget.within(report(700));
        FilesystemState.FreeSpace late = space(budget.within(report(700)));
        assertTrue(late.free().contains(new ByteRange(77_000, 900)), late::toString);
    }

    @Test
    void whatIsLeftAloneCostsNothing() {
        FilesystemReport dirty =
                new FilesystemReport(FilesystemIdentity.ofType("ext4"), new FilesystemState.Dirty("journal"));
        assertSame(dirty, new RangeBudget(0).within(dirty));
    }
}
