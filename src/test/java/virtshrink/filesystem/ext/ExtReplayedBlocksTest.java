package virtshrink.filesystem.ext;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The newest version of each block, however long the log is. */
class ExtReplayedBlocksTest {
    @Test
    void keepsTheNewestOfMoreVersionsThanItHasRoomFor() {
        ExtReplayedBlocks blocks = new ExtReplayedBlocks();
        Map<Long, Long> expected = new HashMap<>();
        Random random = new Random(3);
        long position = 0;
        while (position < 6_000_000) {
            for (int i = 0; i < 1000; i++) {
                long block = random.nextInt(1 << 16) + (1L << 36);
                assertTrue(blocks.addLogged(block, position, (block & 1) != 0));
                expected.put(block, position++);
            }
            long gone = random.nextInt(1 << 16) + (1L << 36);
            assertTrue(blocks.addRevoked(gone, position++));
            expected.remove(gone);
            blocks.commit();
        }
        blocks.addLogged(1, position, false);
        blocks.finish();
        assertEquals(expected.size(), blocks.count());
        for (int i = 0; i < blocks.count(); i++) {
            assertEquals(expected.get(blocks.block(i)), blocks.position(i));
            assertEquals((blocks.block(i) & 1) != 0, blocks.isEscaped(i));
            assertEquals(i, blocks.indexFrom(blocks.block(i)));
        }
        assertEquals(blocks.count(), blocks.indexFrom(ExtReplayedBlocks.MOST_BLOCKS - 1));
        assertEquals(0, blocks.indexFrom(0));
    }

    @Test
    void saysWhenThereAreTooMany() {
        ExtReplayedBlocks blocks = new ExtReplayedBlocks();
        for (int i = 0; i < ExtReplayedBlocks.MOST_ENTRIES; i++) {
            assertTrue(blocks.addLogged(i, i, false));
            if (i % 1000 == 0) {
                blocks.commit();
            }
        }
        assertFalse(blocks.addLogged(ExtReplayedBlocks.MOST_ENTRIES, 1, false));
    }
}
